"""
Present prices in Redis, so that replicas share what they have read.

No answer is based on a price that was read longer ago than the bound, whatever becomes of clocks
and of Redis: an entry says when it was read and until when it may be used, and is not used outside.
Redis' own expiry only tidies up. An entry carries a checksum of itself and its key, so what anybody
else has left there, or copied from another product, counts as none.

A price that is set names a new *generation* of its product. An entry counts only within the
generation that was in Redis before it was read, so a reader who read the old price and stores
it late stores something that nobody uses. Where Redis did not take a generation, this process
owes it: it uses nothing from Redis before it has named another.

Redis is asked once and briefly. Where it does not answer, the database does, and Redis is left
alone for a while; then one request tries it for all.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from pricing.prices.freshness import SteadyTime
from servicekit.redis import RedisStore, RedisUnavailable
from servicekit.telemetry import Telemetry

log = structlog.get_logger()

#: How long Redis may take before the database is asked instead.
TIMEOUT_S: Final = 0.1
#: How long Redis is left alone after it has failed.
PAUSE_S: Final = 2.0
#: How many generations may be owed; the memory they take is bounded even if Redis is away for days.
OWED_AT_MOST: Final = 1000
#: To be changed with the form of an entry or of the JSON in it: releases share a Redis for a while.
_FORM: Final = b"pricing.price.2"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NO_GENERATION: Final = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A price as JSON, when it was read, and until when it may be used.
    """

    json: bytes
    read_at: datetime
    until: datetime


Fetch = Callable[[list[str], str, datetime], Awaitable[dict[str, Entry]]]


class PriceCache:
    """
    Keeps present prices for at most ``bound``.
    """

    def __init__(
        self, store: RedisStore, telemetry: Telemetry, time: SteadyTime, *, bound: timedelta
    ) -> None:
        self._store = store
        self._time = time
        self._bound = bound
        # Longer than any entry of an earlier generation may be used.
        self._generation_lives = 2 * bound
        self._asked_again_at = 0.0
        self._alone_until = 0.0
        #: By its key, the generation that did not reach Redis.
        self._owed: dict[str, str] = {}
        self._lookups: Counter = telemetry.counter(
            "price_cache_lookups_total", "Prices looked up in the cache", ("outcome",)
        )

    async def through(
        self, product_ids: list[str], currency: str, fetch: Fetch
    ) -> dict[str, bytes]:
        """
        The price of each product that has one; ``fetch`` reads what the cache lacks, up to a moment.
        """
        looked_up = await self._looked_up(product_ids, currency)
        if looked_up is None:
            until = self._time.now() + self._bound
            return {
                one: entry.json
                for one, entry in (await fetch(product_ids, currency, until)).items()
            }
        found, generations = looked_up
        lacking = [one for one in product_ids if one not in found]
        self._count(hit=len(found), miss=len(lacking))
        if lacking:
            read = await fetch(lacking, currency, self._time.now() + self._bound)
            await self._keep(read, currency, generations)
            found |= {one: entry.json for one, entry in read.items()}
        return found

    async def invalidate(self, product_id: str, currency: str) -> None:
        """
        Let nobody use what was read of this price so far; best done right after a commit.

        Where Redis does not answer, this process uses nothing of what it holds of this price, and
        names the generation when it answers again. To other processes it ends within the bound.
        """
        key = self._generation_key(product_id, currency)
        generation = _new_generation()
        try:
            with self._store.reached() as redis:
                await redis.set(key, generation, px=self._generation_lives)
        except RedisUnavailable as error:
            self._owe(key, generation)
            log.warning("price_cache.not_invalidated", product_id=product_id, reason=str(error))

    def _owe(self, key: str, generation: str) -> None:
        moment = self._time.monotonic()
        self._asked_again_at = moment + PAUSE_S
        if len(self._owed) >= OWED_AT_MOST:
            # Too many to name: by then everything that Redis holds now is too old.
            self._owed.clear()
            self._alone_until = moment + self._generation_lives.total_seconds()
        self._owed[key] = generation

    async def _pay(self) -> None:
        """
        Name what is owed; raises RedisUnavailable.
        """
        owed = dict(self._owed)
        with self._store.reached() as redis:
            pipeline = redis.pipeline(transaction=False)
            for key in owed:
                # Never the one that was lost: it may have arrived, and been replaced since.
                pipeline.set(key, _new_generation(), px=self._generation_lives)
            await pipeline.execute()
        for key, generation in owed.items():
            # Not what has come to be owed meanwhile.
            if self._owed.get(key) == generation:
                del self._owed[key]

    async def _looked_up(
        self, product_ids: list[str], currency: str
    ) -> tuple[dict[str, bytes], dict[str, str]] | None:
        """
        What may be used, and each product's generation; None where Redis is not there.
        """
        if not self._may_ask():
            self._count(unavailable=len(product_ids))
            return None
        keys = [self._key(one, currency) for one in product_ids]
        keys += [self._generation_key(one, currency) for one in product_ids]
        try:
            if self._owed:
                await self._pay()
            with self._store.reached() as redis:
                # The store decodes what it gets; its types do not say so.
                values = [value and str(value) for value in await redis.mget(keys)]
        except RedisUnavailable as error:
            self._failed(error, lookups=len(product_ids))
            return None
        self._asked_again_at = 0.0
        count = len(product_ids)
        generations = {
            one: generation or _NO_GENERATION
            for one, generation in zip(product_ids, values[count:], strict=True)
        }
        found = {
            one: json
            for one, key, value in zip(product_ids, keys[:count], values[:count], strict=True)
            if value and (json := self._usable(key, value, generations[one])) is not None
        }
        return found, generations

    def _usable(self, key: str, value: str, generation: str) -> bytes | None:
        try:
            entry, of_generation = _entry(key, value)
        except (ValueError, OverflowError):  # not written here, or by another release
            return None
        is_usable = of_generation == generation and self._time.may_use(
            entry.read_at, entry.until, bound=self._bound
        )
        return entry.json if is_usable else None

    async def _keep(
        self, read: dict[str, Entry], currency: str, generations: dict[str, str]
    ) -> None:
        now = self._time.now()
        lives = {
            one: (entry.until - now) // timedelta(milliseconds=1) for one, entry in read.items()
        }
        try:
            with self._store.reached() as redis:
                pipeline = redis.pipeline(transaction=False)
                for one, entry in read.items():
                    if lives[one] > 0:
                        key = self._key(one, currency)
                        value = _value(key, entry, generations[one])
                        pipeline.set(key, value, px=lives[one])
                await pipeline.execute()
        except RedisUnavailable as error:
            self._failed(error, lookups=0)

    def _may_ask(self) -> bool:
        moment = self._time.monotonic()
        if moment < max(self._asked_again_at, self._alone_until):
            return False
        if self._asked_again_at:
            # One tries for all; the others go on without for as long as that may take.
            self._asked_again_at = moment + PAUSE_S
        return True

    def _failed(self, error: RedisUnavailable, *, lookups: int) -> None:
        self._asked_again_at = self._time.monotonic() + PAUSE_S
        self._count(unavailable=lookups)
        log.warning("price_cache.unavailable", reason=str(error), pause_s=PAUSE_S)

    def _count(self, **outcomes: int) -> None:
        for outcome, times in outcomes.items():
            self._lookups.labels(outcome).inc(times)

    def _key(self, product_id: str, currency: str) -> str:
        return self._store.key("price", f"{currency}:{product_id}")

    def _generation_key(self, product_id: str, currency: str) -> str:
        return self._store.key("generation", f"{currency}:{product_id}")


def _new_generation() -> str:
    return secrets.token_hex(8)


def _value(key: str, entry: Entry, generation: str) -> str:
    moments = f"{_number(entry.read_at)} {_number(entry.until)}"
    content = f"{moments} {generation} {entry.json.decode()}"
    return f"{_checksum(key, content)} {content}"


def _entry(key: str, value: str) -> tuple[Entry, str]:
    checksum, content = value.split(" ", 1)
    if checksum != _checksum(key, content):
        raise ValueError("not an entry of this key")
    read_at, until, generation, json = content.split(" ", 3)
    return Entry(json.encode(), _moment(read_at), _moment(until)), generation


def _checksum(key: str, content: str) -> str:
    return hashlib.blake2b(f"{key} {content}".encode(), digest_size=8, person=_FORM).hexdigest()


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(number: str) -> datetime:
    return _EPOCH + int(number) * _MICROSECOND

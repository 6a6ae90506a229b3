"""
Lets a sign-in through, or says how long it has to wait.

::

    attempt = await throttle.admit("user", name, address)   # SignInThrottled where it must wait
    ... check the password ...
    await throttle.succeeded(attempt)  or  await throttle.failed(attempt)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from identity.derivation import Pseudonyms
from identity.errors import SignInThrottled
from identity.text import name_key
from identity.throttle import repository
from identity.throttle.models import Counter, ThrottlePolicy, address_group
from servicekit.database import Database

AccountKind = Literal["user", "client"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    A sign-in that is being checked, and the keys under which it counts.

    ``guards`` are the keys whose failures it adds to; for those in ``counted`` it has been
    counted as a failure beforehand. ``is_settled``: a success will change nothing.
    """

    account: str
    address: str
    pair: str
    guards: tuple[str, ...] = ()
    counted: frozenset[str] = frozenset()
    is_settled: bool = False


class SignInThrottle:
    """
    Counts failed sign-ins in the database, by account and by address.
    """

    def __init__(
        self,
        database: Database,
        pseudonyms: Pseudonyms,
        *,
        per_account: ThrottlePolicy,
        per_address: ThrottlePolicy,
        trust_for: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._pseudonyms = pseudonyms
        self._per_account = per_account
        self._per_address = per_address
        self._trust_for = trust_for
        self._now = now

    async def admit(self, kind: AccountKind, name: str, address: str | None) -> Attempt:
        """
        Let an attempt through; raises SignInThrottled while it has to wait.
        """
        attempt = self._attempt(kind, name, address)
        now = self._now()
        async with self._database.read() as connection:
            counters = await repository.find(
                connection, (attempt.account, attempt.address, attempt.pair)
            )
        pair, account = counters[attempt.pair], counters[attempt.account]
        guard = pair if pair.is_trusted(now) else account
        attempt = replace(attempt, guards=(guard.key, attempt.address))
        if all(self._at(attempt, counters[key]).is_clean for key in attempt.guards):
            # Trust is renewed when half of it is over, which spares most sign-ins a write.
            is_known = pair.is_trusted(now + self._trust_for / 2)
            return replace(attempt, is_settled=is_known and pair.is_clean and account.is_clean)
        return await self._database.transact(lambda c: self._count_beforehand(c, attempt))

    async def failed(self, attempt: Attempt) -> None:
        """
        The attempt was wrong.
        """
        uncounted = [key for key in attempt.guards if key not in attempt.counted]

        async def count(connection: AsyncConnection) -> None:
            now = self._now()
            for counter in await repository.locked(connection, uncounted, now):
                failed = self._at(attempt, counter).failed(now, self._policy(attempt, counter.key))
                await repository.save(connection, failed, now)

        if uncounted:
            await self._database.transact(count)

    async def succeeded(self, attempt: Attempt) -> None:
        """
        The attempt was right: its account is clean again, and its address is known to it.
        """

        async def settle(connection: AsyncConnection) -> None:
            now = self._now()
            keys = {attempt.account, attempt.pair} | attempt.counted
            for counter in await repository.locked(connection, sorted(keys), now):
                await repository.save(connection, self._settled(attempt, counter), now)

        if not attempt.is_settled:
            await self._database.transact(settle)

    async def abandoned(self, attempt: Attempt) -> None:
        """
        The attempt was not looked at after all: as if it had not been made.
        """

        async def take_back(connection: AsyncConnection) -> None:
            now = self._now()
            keys = sorted(attempt.counted)
            for counter in await repository.locked(connection, keys, now):
                taken_back = counter.taken_back(self._policy(attempt, counter.key))
                await repository.save(connection, taken_back, now)

        if attempt.counted:
            await self._database.transact(take_back)

    async def forget_old(self) -> int:
        """
        Drop the counters that say nothing any more; returns how many.
        """
        now = self._now()
        policies = (self._per_account, self._per_address)
        since = now - max(p.max_pause for p in policies) - max(p.window for p in policies)
        return await self._database.transact(
            lambda c: repository.forget(c, untouched_since=since, now=now)
        )

    def pseudonym(self, kind: AccountKind, name: str) -> str:
        """
        What stands for an account in logs.
        """
        return self._attempt(kind, name, None).account[:16]

    async def _count_beforehand(self, connection: AsyncConnection, attempt: Attempt) -> Attempt:
        now = self._now()
        kept = await repository.locked(connection, attempt.guards, now)
        counters = [self._at(attempt, counter) for counter in kept]
        wait_s = max(counter.wait_s(now) for counter in counters)
        if wait_s > 0:
            raise SignInThrottled(retry_after_s=wait_s)
        unclean = [counter for counter in counters if not counter.is_clean]
        for counter in unclean:
            failed = counter.failed(now, self._policy(attempt, counter.key))
            await repository.save(connection, failed, now)
        return replace(attempt, counted=frozenset(counter.key for counter in unclean))

    def _settled(self, attempt: Attempt, counter: Counter) -> Counter:
        if counter.key == attempt.account:
            return counter.cleared()
        if counter.key == attempt.pair:
            return counter.trusted(self._now() + self._trust_for)
        return counter.taken_back(self._per_address)

    def _attempt(self, kind: AccountKind, name: str, address: str | None) -> Attempt:
        account, group = f"{kind}:{name_key(name)}", address_group(address)
        return Attempt(
            account=self._pseudonyms.of("account", account),
            address=self._pseudonyms.of("address", group),
            pair=self._pseudonyms.of("pair", account, group),
        )

    def _at(self, attempt: Attempt, counter: Counter) -> Counter:
        return counter.at(self._now(), self._policy(attempt, counter.key))

    def _policy(self, attempt: Attempt, key: str) -> ThrottlePolicy:
        return self._per_address if key == attempt.address else self._per_account

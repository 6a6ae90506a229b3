"""
Quotes: what an order costs, held for a while, and the uses of codes that it claims.

Whatever is done for one order happens one after the other, by a lock on a row of its own. So a
repeated request finds the first one's quote, and a quote that comes after its order's release
finds that and is refused, in whatever order the network brings them.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.discounts import engine
from pricing.discounts import repository as discounts
from pricing.discounts.engine import DiscountsRefused, Line, PricedOrder
from pricing.discounts.repository import KeptDiscount
from pricing.errors import InvalidDiscount, NoPrice, QuoteConflict
from pricing.prices import repository as prices
from pricing.prices.models import Offer
from pricing.quotes import repository, wire
from pricing.quotes.models import Item, OrderState, Quote, QuoteTerms, Wanted
from pricing.refusals import Reason, Refusal
from servicekit.database import Database
from servicekit.errors import NotFound, StorefrontError
from servicekit.telemetry import Telemetry

log = structlog.get_logger()

#: How refusals are counted.
_OUTCOMES: Final[dict[type[StorefrontError], str]] = {
    NoPrice: "no_price",
    InvalidDiscount: "invalid_discount",
    QuoteConflict: "conflict",
}


class QuoteService:
    """
    Makes quotes and keeps them. Prices are read anew each time, never from a cache.
    """

    def __init__(
        self,
        database: Database,
        terms: QuoteTerms,
        telemetry: Telemetry,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._terms = terms
        self._now = now
        self._quoted: Counter = telemetry.counter(
            "quotes_total", "Quotes that were made, repeated or refused", ("outcome",)
        )

    async def calculate(self, wanted: Wanted) -> bytes:
        """
        What one line costs now, as JSON; nothing is kept. Raises NoPrice or InvalidDiscount.
        """
        async with self._database.read() as connection:
            order, _ = await self._priced(connection, wanted, None, self._now())
        return wire.calculation_json(order, wanted.currency)

    async def get(self, quote_id: str) -> str:
        """
        A quote as it was told; raises NotFound.
        """
        async with self._database.read() as connection:
            answer = await repository.answer_of(connection, quote_id)
        if answer is None:
            raise NotFound("quote", quote_id)
        return answer

    async def quote(self, wanted: Wanted, *, order_id: str | None) -> str:
        """
        A quote as JSON; raises NoPrice, InvalidDiscount or QuoteConflict.

        For an order it is made once, told again to whoever asks again, and claims one use of each
        code that has a limit, all of them or none.
        """

        async def work(connection: AsyncConnection) -> tuple[str, bool]:
            now = self._now()
            if order_id is None:
                _, answer, _ = await self._new(connection, wanted, None, now)
                return answer, True
            state = await repository.locked_order(connection, order_id, now)
            known = _known_answer(state, order_id, wanted)
            if known is not None:
                return known, False
            return await self._new_for_order(connection, wanted, order_id, now), True

        try:
            answer, is_new = await self._database.transact(work)
        except (NoPrice, InvalidDiscount, QuoteConflict) as refusal:
            self._quoted.labels(_OUTCOMES[type(refusal)]).inc()
            raise
        self._quoted.labels("made" if is_new else "repeated").inc()
        return answer

    async def release(self, order_id: str) -> bytes:
        """
        Give back what an order has claimed, as JSON, and let no quote for it come any more.
        """

        async def work(connection: AsyncConnection) -> tuple[datetime, list[str] | None]:
            now = self._now()
            state = await repository.locked_order(connection, order_id, now)
            if state.released_at is not None:
                return state.released_at, None
            returned = await discounts.give_back(connection, order_id)
            await repository.note_release(connection, order_id, now)
            return now, returned

        released_at, codes = await self._database.transact(work)
        if codes is not None:
            log.info("quote.released", order_id=order_id, codes=codes)
        return wire.release_json(order_id, released_at)

    async def forget_old(self) -> int:
        """
        Drop quotes and orders whose time is long over; returns how many. Safe to do anywhere at once.
        """
        before = self._now() - self._terms.kept_for
        # An order's row was touched when its quote began to hold.
        since = before - self._terms.hold_for
        return await self._forget(
            lambda c: repository.forget_orders(c, untouched_since=since)
        ) + await self._forget(lambda c: repository.forget_quotes(c, ended_before=before))

    async def _forget(self, batch: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        forgotten = done = await self._database.transact(batch)
        while done == repository.BATCH:
            done = await self._database.transact(batch)
            forgotten += done
        return forgotten

    async def _new_for_order(
        self, connection: AsyncConnection, wanted: Wanted, order_id: str, now: datetime
    ) -> str:
        quote, answer, used = await self._new(connection, wanted, order_id, now)
        await repository.note_quote(connection, order_id, quote, wanted.digest, now)
        # Last, since others wait for a code's row from here to the end.
        await _claim(connection, order_id, used)
        return answer

    async def _new(
        self, connection: AsyncConnection, wanted: Wanted, order_id: str | None, now: datetime
    ) -> tuple[Quote, str, list[KeptDiscount]]:
        order, used = await self._priced(connection, wanted, order_id, now)
        quote = Quote(str(uuid.uuid4()), order, wanted.currency, now + self._terms.hold_for)
        answer = wire.quote_json(quote)
        await repository.add(connection, quote, answer)
        return quote, answer, used

    async def _priced(
        self, connection: AsyncConnection, wanted: Wanted, order_id: str | None, now: datetime
    ) -> tuple[PricedOrder, list[KeptDiscount]]:
        """
        The order's price, and the discounts it uses.
        """
        lines = await _lines(connection, wanted, now)
        found = await discounts.by_codes(connection, set(wanted.codes)) if wanted.codes else {}
        try:
            order = engine.price_order(
                lines,
                [found[code].discount for code in wanted.codes if code in found],
                currency=wanted.currency,
                tax_rates=self._terms.tax_rates,
                now=now,
                used_up=await _used_up(connection, found.values(), order_id),
                unknown=[code for code in wanted.codes if code not in found],
            )
        except DiscountsRefused as refused:
            raise InvalidDiscount(refused.refusals) from None
        return order, list(found.values())


async def _lines(connection: AsyncConnection, wanted: Wanted, now: datetime) -> list[Line]:
    product_ids = [item.product_id for item in wanted.items]
    offers = await prices.offers(connection, product_ids, wanted.currency, now)
    lacking = [one for one in product_ids if one not in offers]
    if lacking:
        raise NoPrice(lacking, currency=wanted.currency)
    return [_line(item, offers[item.product_id]) for item in wanted.items]


def _line(item: Item, offer: Offer) -> Line:
    return Line(item.product_id, item.quantity, offer.price.amount, offer.category)


async def _used_up(
    connection: AsyncConnection, found: Iterable[KeptDiscount], order_id: str | None
) -> frozenset[str]:
    """
    The codes of which no use is left for this order. One that it holds stays its own, also when
    its quote was forgotten.
    """
    used_up = {kept.id: kept.discount.code for kept in found if kept.is_used_up}
    held = await discounts.held_by(connection, order_id) if used_up and order_id else set()
    return frozenset(code for id_, code in used_up.items() if id_ not in held)


async def _claim(connection: AsyncConnection, order_id: str, used: Sequence[KeptDiscount]) -> None:
    limited = [kept for kept in used if kept.discount.use_limit is not None]
    refused = [
        Refusal(kept.discount.code, Reason.USED_UP)
        for kept in sorted(limited, key=lambda kept: kept.discount.code)
        if not await discounts.claim(connection, order_id, kept)
    ]
    if refused:
        raise InvalidDiscount(refused)


def _known_answer(state: OrderState, order_id: str, wanted: Wanted) -> str | None:
    """
    What the order was told before; raises QuoteConflict where it cannot be told this again.
    """
    if state.released_at is not None:
        raise QuoteConflict(order_id, "RELEASED")
    if state.asked_for is not None and state.asked_for != wanted.digest:
        raise QuoteConflict(order_id, "OTHER_ITEMS")
    return state.answer

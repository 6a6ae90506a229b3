"""
How an order is placed, and how it is cancelled: two tables of steps, and what each of them does.

Every call is keyed by the order's id and nothing else, so a step may be done any number of times. To
release leaves a mark with inventory and with pricing by which what arrives later is refused.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

import structlog
from pydantic import JsonValue

from gateway.checkout.models import CANCEL, PLACE, Wanted
from gateway.checkout.money import NotThatCurrency, to_minor
from gateway.checkout.refusals import Call, outcome_of
from gateway.upstreams.models import Item, Quote, QuoteLine
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit import correlation
from servicekit.errors import StorefrontError
from servicekit.sagas import (
    Done,
    Ending,
    Journal,
    JsonObject,
    Outcome,
    Saga,
    Step,
    Unknown,
    Witness,
    Work,
)

log = structlog.get_logger()

RESERVE_STOCK: Final = "reserve-stock"
QUOTE_PRICE: Final = "quote-price"


class Recorder(Protocol):
    """
    Keeps what becomes of orders.
    """

    def journal_of(self, work: Work) -> Journal:
        """
        Where it is kept which way an order goes.
        """

    def witness_of(self, saga: str) -> Witness:
        """
        Who is told what happens in the course of that saga.
        """

    async def placed(self, work: Work, ending: Ending) -> None:
        """
        The placing of an order has ended, well or not.
        """

    async def cancelled(self, work: Work, ending: Ending) -> None:
        """
        The cancelling of an order has ended.
        """


def checkout_sagas(stock: Stock, quotes: Quotes, recorder: Recorder) -> tuple[Saga, Saga]:
    """
    The two sagas.
    """
    deeds = Deeds(stock, quotes)
    place_order = (
        Step(RESERVE_STOCK, do=deeds.reserve_stock, undo=deeds.release_stock),
        Step(QUOTE_PRICE, do=deeds.quote_price, undo=deeds.release_quote),
        Step("commit-stock", do=deeds.commit_stock, is_pivot=True),
    )
    cancel_order = (
        Step("return-stock", do=deeds.return_stock, is_pivot=True),
        Step("release-discounts", do=deeds.release_quote, is_pivot=True),
    )
    return (
        Saga(PLACE, place_order, recorder.placed, recorder.witness_of(PLACE), recorder.journal_of),
        Saga(
            CANCEL,
            cancel_order,
            recorder.cancelled,
            recorder.witness_of(CANCEL),
            recorder.journal_of,
        ),
    )


def subject_of(wanted: Wanted, correlation_id: str) -> JsonObject:
    """
    What the sagas are given to work on; it is recorded, so what stands in it must stay readable.
    """
    return {
        "items": [[item.product_id, item.quantity] for item in wanted.items],
        "codes": list(wanted.codes),
        "currency": wanted.currency,
        "correlationId": correlation_id,
    }


class Deeds:
    """
    What the steps do.
    """

    def __init__(self, stock: Stock, quotes: Quotes) -> None:
        self._stock = stock
        self._quotes = quotes

    async def reserve_stock(self, work: Work) -> Outcome:
        """
        Hold all items for the order; tells the reservations by product.
        """

        async def reserve() -> JsonObject:
            held = await self._stock.reserve(work.id, _items(work))
            return {"reservations": {one: line.reservation_id for one, line in held.items()}}

        return await _outcome("reserve", work, reserve)

    async def release_stock(self, work: Work) -> Outcome:
        """
        Hold nothing for the order any more.
        """
        return await _outcome("release", work, lambda: _nothing(self._stock.release(work.id)))

    async def quote_price(self, work: Work) -> Outcome:
        """
        Fix what the order costs, and claim its codes; tells the quote.
        """

        async def quote() -> JsonObject:
            codes, currency = work.subject["codes"], work.subject["currency"]
            # Written by subject_of; the engine gives it back as it was.
            assert isinstance(codes, list)  # noqa: S101
            assert currency is None or isinstance(currency, str)  # noqa: S101
            found = await self._quotes.quote(work.id, _items(work), [*map(str, codes)], currency)
            return _facts_of(found)

        try:
            return await _outcome("quote", work, quote)
        except NotThatCurrency:
            log.error("order.quote_unreadable", order_id=work.id)  # noqa: TRY400  # it says it all
            return Unknown("UPSTREAM_ERROR")

    async def release_quote(self, work: Work) -> Outcome:
        """
        Give the order's codes back.
        """
        return await _outcome(
            "release-quote", work, lambda: _nothing(self._quotes.release(work.id))
        )

    async def commit_stock(self, work: Work) -> Outcome:
        """
        Take what is held out of the stock for good.
        """
        return await _outcome("commit", work, lambda: _nothing(self._stock.commit(work.id)))

    async def return_stock(self, work: Work) -> Outcome:
        """
        Put what was taken out back into the stock.
        """
        return await _outcome("return", work, lambda: _nothing(self._stock.give_back(work.id)))


async def _outcome(call: Call, work: Work, ask: Callable[[], Awaitable[JsonObject]]) -> Outcome:
    with _correlated(work):
        try:
            return Done(await ask())
        except StorefrontError as error:
            return outcome_of(call, error)


def _correlated(work: Work) -> AbstractContextManager[object]:
    """
    The order's correlation id around what is done for it, in the trace of who asked for it.
    """
    wanted = str(work.subject["correlationId"])
    ids = correlation.current()
    if ids is None:
        return correlation.correlated(correlation.new(wanted))
    if ids.correlation_id == wanted:
        return nullcontext()
    return correlation.correlated(ids._replace(correlation_id=wanted))


async def _nothing(asking: Awaitable[None]) -> JsonObject:
    await asking
    return {}


def _items(work: Work) -> list[Item]:
    items = work.subject["items"]
    assert isinstance(items, list)  # noqa: S101  # as above
    return [_item(pair) for pair in items]


def _item(pair: JsonValue) -> Item:
    assert isinstance(pair, list)  # noqa: S101  # as above
    product_id, quantity = pair
    assert isinstance(quantity, int)  # noqa: S101  # as above
    return Item(str(product_id), quantity)


def _facts_of(quote: Quote) -> JsonObject:
    """
    What of a quote is recorded, and told; raises NotThatCurrency.
    """
    to_minor(quote.final_price, quote.currency)
    return {
        "quoteId": quote.quote_id,
        "currency": quote.currency,
        "lines": [_line(line) for line in quote.lines],
        "discounts": [
            {"code": one.code, "amount": one.amount, "description": one.description}
            for one in quote.discounts
        ],
        "subtotal": quote.subtotal,
        "discount": quote.discount,
        "tax": quote.tax,
        "totalPrice": quote.final_price,
    }


def _line(line: QuoteLine) -> dict[str, JsonValue]:
    return {
        "productId": line.product_id,
        "quantity": line.quantity,
        "unitPrice": line.base_price,
        "discount": line.discount,
        "tax": line.tax,
        "lineTotal": line.final_price,
    }

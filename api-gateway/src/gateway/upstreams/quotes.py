"""
What an order costs, as pricing holds it for a while, and the uses of codes that it claims.

Pricing goes by the order: it makes its quote once and tells it again. So both questions go out under
a key that is made of nothing but the order, and the client repeats them by itself.

What pricing says no to comes as ``UpstreamRefused``, and has changed nothing:

=========  ==========================================================================================
asked      refused: status, code and facts
=========  ==========================================================================================
quote      404 NOT_FOUND ``{what: "price", id, ids, currency}``: all products without a price in it ·
           422 INVALID_DISCOUNT ``{codes: [{code, reason}]}``, every bad code: UNKNOWN, REPEATED,
           NOT_YET_VALID, EXPIRED, USED_UP, CURRENCY, MINIMUM_ORDER, NOT_APPLICABLE, NOT_STACKABLE ·
           409 CONFLICT ``{reason, orderId}``: RELEASED, or OTHER_ITEMS than before
release    nothing: an order may be given up at any time, and before it was ever quoted
both       401 and 403: our own token · 422 INVALID_REQUEST ``{problems}``: what none can be asked,
           such as a currency that pricing does not know
=========  ==========================================================================================

A refusal that comes through a stranger, such as a proxy, has no code. What is no answer to what was
asked is ``UpstreamFailed``, and may have claimed its codes like everything that was not refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct, json

from gateway.upstreams.models import AppliedDiscount, Item, Quote, QuoteLine, is_currency
from gateway.upstreams.reading import distrusted, read
from servicekit.http import ServiceClient

QUOTE_PATH: Final = "/api/v1/prices/quote"
RELEASE_PATH: Final = "/api/v1/prices/quotes/release"

#: One digit more than a price: sums of them may have it.
_IS_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,6})?").fullmatch
#: What 64 bits hold, in minor units.
_MOST: Final = 2**63 - 1


class _Released(Struct, frozen=True, rename="camel", gc=False):
    order_id: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """
    What a quote was asked for.
    """

    items: Sequence[Item]
    codes: Sequence[str]
    currency: str | None


class Quotes:
    """
    Asks what orders cost. Raises what the client raises, and UpstreamFailed for what cannot be used.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def quote(
        self,
        order_id: str,
        items: Sequence[Item],
        discount_codes: Sequence[str] = (),
        currency: str | None = None,
    ) -> Quote:
        """
        What these items, each another product, cost with all these codes; one use of each code with
        a limit is the order's from then on. Without a currency it is the shop's own.
        """
        body = {
            "orderId": order_id,
            "items": [{"productId": one.product_id, "quantity": one.quantity} for one in items],
            "discountCodes": [*discount_codes],
        } | ({"currency": currency} if currency is not None else {})
        reply = await self._client.post(QUOTE_PATH, json=body, idempotency_key=f"{order_id}:quote")
        quote = read(_QUOTE, reply)
        fault = _fault_of(quote, _Wanted(items, discount_codes, currency))
        if fault is not None:
            raise distrusted(reply, fault)
        return _in_order(quote, items)

    async def release(self, order_id: str) -> None:
        """
        Give back what the order has claimed, and let no quote for it come any more.
        """
        reply = await self._client.post(
            RELEASE_PATH, json={"orderId": order_id}, idempotency_key=f"{order_id}:release"
        )
        if read(_RELEASED, reply).order_id != order_id:
            raise distrusted(reply, "another order than was asked for")


def _fault_of(quote: Quote, wanted: _Wanted) -> str | None:
    """
    Why a quote is none that was asked for, or contradicts itself.
    """
    if not _is_money(quote):
        return "an amount is none"
    if wanted.currency not in {None, quote.currency}:
        return "another currency than was asked for"
    if not _are_those(quote.lines, wanted.items):
        return "other items than were asked for"
    if sorted(one.code for one in quote.discounts) != sorted(map(_normalised, wanted.codes)):
        return "other codes than were given"
    if not (_adds_up(quote) and all(map(_line_adds_up, quote.lines))):
        return "sums that are none"
    return None


def _is_money(quote: Quote) -> bool:
    """
    All are amounts of one currency. They have as many decimals, then: without their points they are
    whole minor units.
    """
    amounts = [line.base_price for line in quote.lines]
    for sums in (quote, *quote.lines):
        amounts += [sums.subtotal, sums.discount, sums.tax, sums.final_price]
        amounts += [one.amount for one in sums.discounts]
    return (
        is_currency(quote.currency) is not None
        and all(map(_IS_AMOUNT, amounts))
        and len({len(amount.partition(".")[2]) for amount in amounts}) == 1
        and max(map(_minor, amounts)) <= _MOST
    )


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


def _are_those(lines: Sequence[QuoteLine], items: Sequence[Item]) -> bool:
    told = {line.product_id: line.quantity for line in lines}
    asked = {item.product_id: item.quantity for item in items}
    return len(lines) == len(items) and told == asked


def _normalised(code: str) -> str:
    """
    A code as pricing keeps and tells it.
    """
    return code.strip(" ").upper()


def _adds_up(quote: Quote) -> bool:
    """
    The order's amounts are its lines', code by code.
    """
    pairs = (
        (quote.subtotal, [line.subtotal for line in quote.lines]),
        (quote.discount, [line.discount for line in quote.lines]),
        (quote.tax, [line.tax for line in quote.lines]),
        (quote.final_price, [line.final_price for line in quote.lines]),
    )
    by_line = _by_code(one for line in quote.lines for one in line.discounts)
    return by_line == _by_code(quote.discounts) and all(
        _minor(whole) == sum(map(_minor, parts)) for whole, parts in pairs
    )


def _line_adds_up(line: QuoteLine) -> bool:
    subtotal, discount = _minor(line.subtotal), _minor(line.discount)
    return (
        _minor(line.base_price) * line.quantity == subtotal >= discount
        and sum(_minor(one.amount) for one in line.discounts) == discount
        and subtotal - discount + _minor(line.tax) == _minor(line.final_price)
    )


def _by_code(discounts: Iterable[AppliedDiscount]) -> Counter[str]:
    """
    What each code took off. Two counters are equal also where one lacks what is zero in the other.
    """
    taken = Counter[str]()
    for one in discounts:
        taken[one.code] += _minor(one.amount)
    return taken


def _in_order(quote: Quote, items: Sequence[Item]) -> Quote:
    places = {item.product_id: place for place, item in enumerate(items)}
    lines = sorted(quote.lines, key=lambda line: places[line.product_id])
    return msgspec.structs.replace(quote, lines=lines)


_QUOTE: Final = json.Decoder(Quote)
_RELEASED: Final = json.Decoder(_Released)

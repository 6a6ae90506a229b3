"""
The journey of a shopper: browse, look, order with a code, send that again, cancel, and be refused twice.

Each station asks, holds the answer against what a storefront relies on, and says in a line what came.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from tools.smoke.shop import Answer, Facts, NotSent, Shop, Wrong

CODE: Final = "SUMMER20"
CODE_RATE: Final = Decimal("0.20")
QUANTITY: Final = 2
#: More than any shop has, and no more than an order may ask for.
TOO_MANY: Final = 1_000_000
UNKNOWN_CODE: Final = "NO-SUCH-CODE"
_CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Trip:
    """
    What a shopper has found out on the way. It outlives a journey, so that the next can go on with a
    product that is known while the list cannot be read.
    """

    product_id: str | None = None
    price: Decimal | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    placed: Answer | None = None
    #: Whether an order of it may be on its way, or stands.
    is_open: bool = False

    def start(self) -> None:
        """
        Begins another journey: with a new order, and the product as it is known.
        """
        self.key, self.placed, self.is_open = secrets.token_hex(16), None, False


@dataclass(frozen=True, slots=True)
class Station:
    """
    ``needs`` what the trip must have found before, or else the station is left out.
    """

    name: str
    visit: Callable[[Shop, Trip], str]
    needs: str | None = "product_id"

    def can_be_visited(self, trip: Trip) -> bool:
        """
        Whether the way there is open.
        """
        return self.needs is None or getattr(trip, self.needs) is not None


def browse(shop: Shop, trip: Trip) -> str:
    """
    A page of products, each whole, one of which can be bought.
    """
    items = shop.get("/products?size=20").facts(200).parts("items")
    if not items:
        raise Wrong("the list is empty")
    for item in items:
        _must_be_whole(item)
    left = [item for item in items if item.number("available") >= QUANTITY]
    if not left:
        raise Wrong(f"of none of the {len(items)} products on the first page {QUANTITY} are left")
    trip.product_id, trip.price = left[0].text("id"), _money(left[0], "price")
    return f"{len(items)} products, of which {trip.product_id} at {trip.price}"


def look(shop: Shop, trip: Trip) -> str:
    """
    One product with the price of the list.
    """
    product = shop.get(f"/products/{trip.product_id}").facts(200)
    product.expect("id", trip.product_id)
    _must_be_whole(product)
    if _money(product, "price") != trip.price:
        raise Wrong(f"it costs {product.text('price')}, and {trip.price} in the list")
    return f"{product.text('name')}, {product.number('available')} left"


def order(shop: Shop, trip: Trip) -> str:
    """
    Two of it with a code: confirmed, and the money adds up.
    """
    answer = _place(shop, trip)
    placed = answer.facts(201)
    placed.expect("status", "CONFIRMED")
    total = _checked_total(placed, trip)
    trip.placed = answer
    return f"{placed.text('orderId')}, {QUANTITY} with {CODE} for {total} {placed.text('currency')}"


def order_again(shop: Shop, trip: Trip) -> str:
    """
    The same order under its key is that order, and says so.
    """
    again = _place(shop, trip)
    order_id = _order_id(trip)
    again.facts(201).expect("orderId", order_id)
    if again.headers.get("idempotency-replayed") != "true":
        raise Wrong("the answer does not say Idempotency-Replayed: true")
    if trip.placed is not None and again.body != trip.placed.body:
        raise Wrong("the answer is another than the first")
    return f"{order_id} once more"


def cancel(shop: Shop, trip: Trip) -> str:
    """
    The order is cancelled, and stays so.
    """
    order_id = _order_id(trip)
    shop.post(f"/orders/{order_id}/cancel").facts(200).expect("status", "CANCELLED")
    found = shop.get(f"/orders/{order_id}").facts(200)
    found.expect("orderId", order_id)
    found.expect("status", "CANCELLED")
    trip.is_open = False
    return f"{order_id} is CANCELLED"


def close(shop: Shop, trip: Trip) -> None:
    """
    Brings an order to its end whose end was not heard: its key finds it, or places it now, and then it
    is cancelled. Raises Wrong as long as that cannot be done.
    """
    answer = _place(shop, trip)
    is_replay = answer.headers.get("idempotency-replayed") == "true"
    if is_replay and answer.status in {404, 409, 422, 503}:
        return
    answer.facts(201)
    trip.placed = answer
    cancel(shop, trip)


def order_too_many(shop: Shop, trip: Trip) -> str:
    """
    More than there is: refused, with what is left.
    """
    error = _refusal(_wish(shop, trip, TOO_MANY, []), 409, "OUT_OF_STOCK")
    items = error.part("details").parts("items")
    if len(items) != 1:
        raise Wrong(f"{len(items)} products are named instead of 1")
    items[0].expect("productId", trip.product_id)
    return f"{items[0].number('left')} left of {TOO_MANY}"


def order_with_wrong_code(shop: Shop, trip: Trip) -> str:
    """
    A code that there is not: refused, naming it.
    """
    error = _refusal(_wish(shop, trip, QUANTITY, [UNKNOWN_CODE]), 422, "INVALID_DISCOUNT")
    codes = error.part("details").parts("codes")
    if len(codes) != 1:
        raise Wrong(f"{len(codes)} codes are named instead of 1")
    codes[0].expect("code", UNKNOWN_CODE)
    codes[0].expect("reason", "UNKNOWN")
    return f"{UNKNOWN_CODE} is UNKNOWN"


READING: Final = (
    Station("browse the list", browse, needs=None),
    Station("look at one product", look),
)
ORDERING: Final = (
    Station(f"order with {CODE}", order),
    Station("send the same again", order_again, needs="placed"),
    Station("cancel the order", cancel, needs="placed"),
    Station("order too many", order_too_many),
    Station("order with a wrong code", order_with_wrong_code),
)
STATIONS: Final = (*READING, *ORDERING)


def _place(shop: Shop, trip: Trip) -> Answer:
    was_open, trip.is_open = trip.is_open, True
    try:
        return _wish(shop, trip, QUANTITY, [CODE], key=trip.key)
    except NotSent:
        trip.is_open = was_open
        raise


def _wish(
    shop: Shop, trip: Trip, quantity: int, codes: list[str], *, key: str | None = None
) -> Answer:
    items = [{"productId": trip.product_id, "quantity": quantity}]
    headers = {"Idempotency-Key": key or secrets.token_hex(16)}
    return shop.post("/orders", {"items": items, "discountCodes": codes}, headers)


def _order_id(trip: Trip) -> str:
    if trip.placed is None:
        raise Wrong("there is no order")
    return trip.placed.facts(201).text("orderId")


def _refusal(answer: Answer, status: int, code: str) -> Facts:
    told = answer.facts(status)
    error = told.part("error")
    error.expect("code", code)
    told.expect("request_id", answer.headers.get("x-correlation-id"))
    return error


def _must_be_whole(product: Facts) -> None:
    lacks = [f"{one.text('part')} ({one.text('reason')})" for one in product.parts("unavailable")]
    if lacks:
        raise Wrong(f"{product.text('id')} lacks {', '.join(lacks)}")
    product.expect("complete", value=True)


def _checked_total(placed: Facts, trip: Trip) -> Decimal:
    """
    What is to be paid, when every sum in the order is right.
    """
    lines = placed.parts("items")
    if len(lines) != 1:
        raise Wrong(f"the order has {len(lines)} lines instead of 1")
    lines[0].expect("productId", trip.product_id)
    lines[0].expect("quantity", QUANTITY)
    subtotal, discount, tax, total = (
        _money(placed, name) for name in ("subtotal", "discount", "tax", "totalPrice")
    )
    off = (subtotal * CODE_RATE).quantize(_CENT, ROUND_HALF_UP)
    for what, found, wanted in (
        ("unitPrice", _money(lines[0], "unitPrice"), trip.price),
        ("subtotal", subtotal, _money(lines[0], "unitPrice") * QUANTITY),
        ("discount", discount, off),
        ("totalPrice", total, subtotal - discount + tax),
    ):
        if found != wanted:
            raise Wrong(f"{what} is {found} instead of {wanted}")
    return total


def _money(facts: Facts, name: str) -> Decimal:
    try:
        return Decimal(facts.text(name))
    except InvalidOperation:
        raise Wrong(f"{name} is no amount but {facts.text(name)!r}") from None

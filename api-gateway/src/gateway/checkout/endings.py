"""
What of an order's end is kept: reckoned from what its steps came to, without a database.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from gateway.checkout.errors import REJECTING
from gateway.checkout.models import End, Reason, Sold, Status
from gateway.checkout.money import to_minor
from gateway.checkout.refusals import RESERVATION_EXPIRED
from gateway.checkout.sagas import QUOTE_PRICE, RESERVE_STOCK
from servicekit.sagas import Ending

_OURS: Final = {
    RESERVATION_EXPIRED: "The order's stock was given back before it could be sold.",
}
_TOO_LATE: Final = "The order could not be carried through in time."


def placed_by(ending: Ending, order_id: str, at: datetime) -> End:
    """
    What the end of the placing makes of the order.
    """
    if ending.how == "done":
        return End(order_id, at, Status.CONFIRMED, sold=_sold(ending.done))
    if ending.how == "refused" and ending.code in REJECTING:
        return End(order_id, at, Status.REJECTED, reason=_rejection(ending))
    return End(order_id, at, Status.FAILED, reason=_failure(ending))


def _rejection(ending: Ending) -> Reason:
    details = ending.facts.get("details")
    # Written by refusals.outcome_of; the engine gives it back as it was.
    assert isinstance(details, dict)  # noqa: S101
    return Reason(str(ending.code), str(ending.facts["message"]), details, ending.step)


def _failure(ending: Ending) -> Reason:
    code = ending.code or str(ending.facts.get("why", "DEADLINE_EXCEEDED"))
    return Reason(code, _OURS.get(code, _TOO_LATE), {}, ending.step)


def _sold(done: Mapping[str, Mapping[str, JsonValue]]) -> Sold:
    quote, reservations = done[QUOTE_PRICE], done[RESERVE_STOCK]["reservations"]
    currency = str(quote["currency"])
    lines, discounts = _objects(quote["lines"]), _objects(quote["discounts"])
    assert isinstance(reservations, dict)  # noqa: S101  # written by sagas.Deeds, like all of this
    items = [{**line, "reservationId": reservations[str(line["productId"])]} for line in lines]
    return Sold(
        currency=currency,
        subtotal=to_minor(str(quote["subtotal"]), currency),
        total=to_minor(str(quote["totalPrice"]), currency),
        lines=[_line(line, currency) for line in lines],
        discounts=[_discount(one, currency) for one in discounts],
        answer={
            "items": [*items],
            "discounts": [*discounts],
            "subtotal": quote["subtotal"],
            "discount": quote["discount"],
            "tax": quote["tax"],
            "totalPrice": quote["totalPrice"],
            "currency": currency,
            "quoteId": quote["quoteId"],
        },
    )


def _line(line: Mapping[str, JsonValue], currency: str) -> dict[str, str | int]:
    return {
        "product_id": str(line["productId"]),
        "quantity": int(str(line["quantity"])),
        "unit_price": to_minor(str(line["unitPrice"]), currency),
        "line_total": to_minor(str(line["lineTotal"]), currency),
    }


def _discount(discount: Mapping[str, JsonValue], currency: str) -> dict[str, str | int]:
    amount = to_minor(str(discount["amount"]), currency)
    return {"code": str(discount["code"]), "amount": amount}


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    assert isinstance(value, list)  # noqa: S101  # as above
    return [one for one in value if isinstance(one, dict)]

"""
What a fake pricing does for orders: it quotes them, and counts uses of codes. Written from the
contract, and held to the real service by the contract tests.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import httpx
import orjson
from fake_faults import error_answer, json_answer
from fake_upstream import are_items, invalid, is_order

from servicekit.clock import Now

QUOTE_LIFE: Final = timedelta(minutes=15)
#: Of what the real one knows.
CURRENCIES: Final = frozenset({"USD", "EUR", "GBP", "CHF", "JPY", "KWD"})

_IS_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}").fullmatch

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """
    So many percent off everything, for ``use_limit`` orders; ``refused``: why it cannot be used.
    """

    percent: int | str = 10
    description: str = "Something off everything"
    use_limit: int | None = None
    is_stackable: bool = True
    refused: str | None = None


class _Refused(Exception):
    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Wanted:
    items: dict[str, int]
    codes: list[str]
    currency: str

    @property
    def meant(self) -> object:
        """
        Equal for what means the same.
        """
        return self.items, sorted(self.codes), self.currency


@dataclass(frozen=True, slots=True)
class _Line:
    """
    What a line costs, in minor units.
    """

    product_id: str
    quantity: int
    base_price: int
    taken: dict[str, int]
    tax: int

    @property
    def sums(self) -> dict[str, int]:
        """
        Its amounts by their names in JSON.
        """
        subtotal, discount = self.base_price * self.quantity, sum(self.taken.values())
        final = subtotal - discount + self.tax
        return {"subtotal": subtotal, "discount": discount, "tax": self.tax, "finalPrice": final}


class FakeQuotes:
    """
    Quotes orders at ``prices``, which are in one currency, or at those ``elsewhere``: by currency and
    product. A test may change all of it, and ``codes``, at any time.
    """

    def __init__(self, prices: dict[str, JsonObject], codes: Mapping[str, Code], now: Now) -> None:
        self._prices = prices
        self._now = now
        self.codes = dict(codes)
        self.elsewhere: dict[str, dict[str, str]] = {}
        self.default_currency = "USD"
        #: A part of one.
        self.tax_rate = "0"
        #: What each order was told.
        self.told: dict[str, JsonObject] = {}
        #: When each order was given up.
        self.released: dict[str, datetime] = {}
        self._asked_for: dict[str, object] = {}
        self._claims: dict[str, set[str]] = {}

    def quote(self, request: httpx.Request) -> httpx.Response:
        """
        What an order costs: made once, and told again.
        """
        body = orjson.loads(request.content)
        wanted, wrong = self._read(body)
        if wrong:
            return invalid(*wrong, part="body")
        try:
            return json_answer(self._quoted(body["orderId"], wanted))
        except _Refused as refusal:
            return refusal.answer

    def release(self, request: httpx.Request) -> httpx.Response:
        """
        Give back what an order has claimed, and let no quote for it come any more.
        """
        order_id = orjson.loads(request.content)["orderId"]
        if not is_order(order_id):
            return invalid("orderId", part="body")
        for orders in self._claims.values():
            orders.discard(order_id)
        moment = self.released.setdefault(order_id, self._now())
        return json_answer({"orderId": order_id, "releasedAt": _told(moment)})

    def claims(self, code: str) -> set[str]:
        """
        The orders that hold a use of a code with a limit.
        """
        return set(self._claims.get(code, ()))

    def _read(self, body: JsonObject) -> tuple[_Wanted, list[str]]:
        codes = [code.strip(" ") for code in body["discountCodes"]]
        currency = body.get("currency") or self.default_currency
        is_right = {
            "orderId": is_order(body["orderId"]),
            "items": are_items(body["items"]),
            "discountCodes": len(codes) <= 5 and all(map(_IS_CODE, codes)),
            "currency": currency in CURRENCIES,
        }
        items = {item["productId"]: item["quantity"] for item in body["items"]}
        wanted = _Wanted(items, [code.upper() for code in codes], currency)
        return wanted, [name for name, is_so in is_right.items() if not is_so]

    def _quoted(self, order_id: str, wanted: _Wanted) -> JsonObject:
        if order_id in self.released:
            raise _conflict(order_id, "RELEASED")
        if self._asked_for.get(order_id, wanted.meant) != wanted.meant:
            raise _conflict(order_id, "OTHER_ITEMS")
        if order_id not in self.told:
            prices = self._prices_of(wanted)
            self._check_codes(wanted, order_id)
            self.told[order_id] = self._priced(wanted, prices)
            self._asked_for[order_id] = wanted.meant
            for code in wanted.codes:
                if self.codes[code].use_limit is not None:
                    self._claims.setdefault(code, set()).add(order_id)
        return self.told[order_id]

    def _prices_of(self, wanted: _Wanted) -> dict[str, str]:
        found = dict(self.elsewhere.get(wanted.currency, {})) | {
            product: str(price["basePrice"])
            for product, price in self._prices.items()
            if price["currency"] == wanted.currency
        }
        lacking = [product for product in wanted.items if product not in found]
        if lacking:
            details = {"what": "price", "id": lacking[0], "ids": lacking}
            details |= {"currency": wanted.currency}
            raise _Refused(error_answer(404, "NOT_FOUND", "There is no price.", details))
        return found

    def _check_codes(self, wanted: _Wanted, order_id: str) -> None:
        reasons = {code: self._fault_of(code, wanted, order_id) for code in wanted.codes}
        sound = [code for code, reason in reasons.items() if reason is None]
        if len(sound) > 1 and not all(self.codes[code].is_stackable for code in sound):
            reasons |= dict.fromkeys(sound, "NOT_STACKABLE")
        refused = [{"code": one, "reason": why} for one, why in sorted(reasons.items()) if why]
        if refused:
            details = {"codes": refused}
            raise _Refused(error_answer(422, "INVALID_DISCOUNT", "Remove these.", details))

    def _fault_of(self, code: str, wanted: _Wanted, order_id: str) -> str | None:
        known = self.codes.get(code)
        claimed = self._claims.get(code, set()) - {order_id}
        if known is None:
            return "UNKNOWN"
        if wanted.codes.count(code) > 1:
            return "REPEATED"
        if known.use_limit is not None and len(claimed) >= known.use_limit:
            return known.refused or "USED_UP"
        return known.refused

    def _priced(self, wanted: _Wanted, prices: Mapping[str, str]) -> JsonObject:
        decimals = len(prices[next(iter(wanted.items))].partition(".")[2])
        lines = [
            self._line(product, units, int(prices[product].replace(".", "")), wanted.codes)
            for product, units in wanted.items.items()
        ]
        taken = {code: sum(line.taken[code] for line in lines) for code in sorted(wanted.codes)}
        names = lines[0].sums
        return {
            "quoteId": str(uuid.uuid4()),
            "validUntil": _told(self._now() + QUOTE_LIFE),
            "currency": wanted.currency,
            "lines": [self._told_line(line, decimals) for line in lines],
            "discounts": self._told_discounts(taken, decimals),
            **{name: _amount(sum(one.sums[name] for one in lines), decimals) for name in names},
        }

    def _line(self, product: str, units: int, price: int, codes: list[str]) -> _Line:
        left, taken = price * units, {}
        for code in sorted(codes):
            taken[code] = _rounded(left * Decimal(self.codes[code].percent) / 100)
            left -= taken[code]
        return _Line(product, units, price, taken, _rounded(left * Decimal(self.tax_rate)))

    def _told_line(self, line: _Line, decimals: int) -> JsonObject:
        taken = {code: amount for code, amount in line.taken.items() if amount}
        return {
            "productId": line.product_id,
            "quantity": line.quantity,
            "basePrice": _amount(line.base_price, decimals),
            "discounts": self._told_discounts(taken, decimals),
            "taxRate": self.tax_rate,
            **{name: _amount(units, decimals) for name, units in line.sums.items()},
        }

    def _told_discounts(self, taken: Mapping[str, int], decimals: int) -> list[JsonObject]:
        return [
            {
                "code": code,
                "amount": _amount(units, decimals),
                "description": self.codes[code].description,
            }
            for code, units in taken.items()
        ]


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _amount(minor: int, decimals: int) -> str:
    return str(Decimal(minor).scaleb(-decimals))


def _told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _conflict(order_id: str, reason: str) -> _Refused:
    details = {"orderId": order_id, "reason": reason}
    return _Refused(error_answer(409, "CONFLICT", f"The order: {reason}.", details))

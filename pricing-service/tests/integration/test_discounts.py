"""
Discount codes as merchants keep them, and each rule by which a code counts or not.
"""

from typing import Any

from pricing_app import API, RunningPricing, merchant, reasons_of
from pydantic import JsonValue

TWENTY: dict[str, JsonValue] = {"type": "PERCENTAGE", "percent": "20"}
FIVE_DOLLARS: dict[str, JsonValue] = {"type": "FIXED_AMOUNT", "amount": "5.00", "currency": "USD"}
TIERS: dict[str, JsonValue] = {
    "type": "QUANTITY_TIERS",
    "tiers": [{"minQuantity": 2, "percent": "5"}, {"minQuantity": 10, "percent": "12.5"}],
}


async def test_a_code_is_kept_as_it_was_set(pricing: RunningPricing) -> None:
    """
    Every kind, with all that can be said of it; read back in any case of letters.
    """
    terms: dict[str, JsonValue] = {
        "category": "books",
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2026-03-01T00:00:00Z",
        "minimumOrder": {"amount": "30.50", "currency": "USD"},
        "useLimit": 7,
        "stackable": False,
        "priority": 3,
    }
    for kind in (TWENTY, FIVE_DOLLARS, TIERS):
        answer = await pricing.put_discount("new-code", kind, **terms)

        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "code": "NEW-CODE",
            "description": "What new-code gives",
            "kind": kind,
            **terms,
            "uses": 0,
            "updatedAt": "2026-01-01T12:00:00Z",
        }
        assert await pricing.discount("New-Code") == answer.json()


async def test_codes_are_listed_in_pages(pricing: RunningPricing) -> None:
    """
    In alphabetical order; the second page goes on where the first ends.
    """

    async def page(number: int) -> dict[str, Any]:
        query = {"page": number, "size": 4}
        answer = await pricing.http.get(f"{API}/discounts", params=query, headers=merchant())
        found: dict[str, Any] = answer.json()
        return found

    first, second = await page(1), await page(2)
    codes = [one["code"] for one in first["items"] + second["items"]]
    assert codes == ["BOOKS15", "BULK10", "EXPIRED10", "FLASH50", "SUMMER20", "WELCOME5"]
    assert (first["total"], first["pages"], len(first["items"])) == (6, 2, 4)


async def test_a_removed_code_reads_as_one_that_never_was(pricing: RunningPricing) -> None:
    """
    It is not found, is refused as an unknown one is, and stays in the quotes that used it.
    """
    quote = (await pricing.quote({"TEST-001": 1}, ["SUMMER20"])).json()
    url = f"{API}/discounts/summer20"
    removed = await pricing.http.delete(url, headers=merchant())
    again = await pricing.http.delete(url, headers=merchant())
    reasons = reasons_of(await pricing.calculate("TEST-001", codes=["SUMMER20", "NEVER"]))

    assert [removed.status_code, again.status_code] == [204, 404]
    assert (await pricing.http.get(url, headers=merchant())).status_code == 404
    assert reasons == {"SUMMER20": "UNKNOWN", "NEVER": "UNKNOWN"}
    kept = await pricing.stored(quote["quoteId"])
    assert kept.json()["discounts"] == quote["discounts"]
    assert kept.json()["discounts"][0]["code"] == "SUMMER20"


async def test_a_changed_code_keeps_its_claims(pricing: RunningPricing) -> None:
    """
    Changing a code gives no use back; removing it and making it anew starts from nothing, and a
    release of an old claim takes nothing from the new one.
    """
    await pricing.put_discount("LIMITED", TWENTY, useLimit=2)
    await pricing.quote({"TEST-001": 1}, ["LIMITED"], "order-1")
    await pricing.put_discount("LIMITED", FIVE_DOLLARS, useLimit=3)
    changed = await pricing.discount("LIMITED")
    await pricing.http.delete(f"{API}/discounts/LIMITED", headers=merchant())
    await pricing.put_discount("LIMITED", TWENTY, useLimit=2)
    await pricing.quote({"TEST-001": 1}, ["LIMITED"], "order-2")
    await pricing.release("order-1")

    assert (changed["uses"], changed["kind"]) == (1, FIVE_DOLLARS)
    assert (await pricing.discount("LIMITED"))["uses"] == 1


SENSELESS: tuple[tuple[str, dict[str, JsonValue], dict[str, JsonValue]], ...] = (
    ("body.kind", {"type": "PERCENTAGE", "percent": "0"}, {}),
    ("body.kind", {"type": "PERCENTAGE", "percent": "100.01"}, {}),
    ("body.kind", {"type": "PERCENTAGE", "percent": "1e1"}, {}),
    ("body.kind", {"type": "FIXED_AMOUNT", "amount": "0", "currency": "USD"}, {}),
    ("body.kind", {"type": "FIXED_AMOUNT", "amount": "1.5", "currency": "JPY"}, {}),
    (
        "body.kind",
        {"type": "QUANTITY_TIERS", "tiers": [{"minQuantity": 5, "percent": "5"}] * 2},
        {},
    ),
    (
        "body.validUntil",
        TWENTY,
        {"validFrom": "2026-02-01T00:00:00Z", "validUntil": "2026-02-01T00:00:00Z"},
    ),
    ("body.minimumOrder.amount", TWENTY, {"minimumOrder": {"amount": "-1", "currency": "USD"}}),
    ("body.useLimit", TWENTY, {"useLimit": 0}),
    ("body.priority", TWENTY, {"priority": 1001}),
    ("body.description", TWENTY, {"description": "a\u0000b"}),
)


async def test_terms_that_make_no_sense_are_refused(pricing: RunningPricing) -> None:
    """
    Each with the field that is wrong, and nothing is kept.
    """
    url = f"{API}/discounts/NEW"
    for field, kind, more in SENSELESS:
        body = {"description": "x", "kind": kind, **more}
        answer = await pricing.http.put(url, json=body, headers=merchant())
        assert answer.status_code == 422, body
        problems = answer.json()["error"]["details"]["problems"]
        assert [one["field"] for one in problems] == [field], body

    assert (await pricing.http.get(url, headers=merchant())).status_code == 404


async def test_every_reason_is_told(pricing: RunningPricing) -> None:
    """
    Why a code does not count; several bad codes are all named, and the good one is not.
    """
    await pricing.put_discount("LATER", TWENTY, validFrom="2026-01-01T12:00:01Z")
    await pricing.put_discount("EUROS", {"type": "FIXED_AMOUNT", "amount": "5", "currency": "EUR"})
    await pricing.put_discount("ONCE", TWENTY, useLimit=1)
    await pricing.quote({"TEST-021": 1}, ["ONCE"], "order-1")

    # TEST-021 is a book of 16.99, below the 25 dollars of WELCOME5.
    many = await pricing.calculate(
        "TEST-021", codes=["expired10", "LATER", "ONCE", "EUROS", "BOOKS15"]
    )
    few = await pricing.calculate("TEST-021", codes=["WELCOME5", "BULK10", "NOSUCH", "SUMMER20"])
    wrong_shelf = await pricing.calculate("TEST-001", codes=["BOOKS15"])
    repeated = await pricing.calculate("TEST-001", codes=["SUMMER20", "summer20"])
    alone = await pricing.calculate("TEST-001", codes=["FLASH50", "SUMMER20"])

    assert reasons_of(many) == {
        "EXPIRED10": "EXPIRED",
        "LATER": "NOT_YET_VALID",
        "ONCE": "USED_UP",
        "EUROS": "CURRENCY",
    }
    assert reasons_of(few) == {
        "WELCOME5": "MINIMUM_ORDER",
        "BULK10": "NOT_APPLICABLE",
        "NOSUCH": "UNKNOWN",
    }
    assert reasons_of(wrong_shelf) == {"BOOKS15": "NOT_APPLICABLE"}
    assert reasons_of(repeated) == {"SUMMER20": "REPEATED"}
    assert reasons_of(alone) == {"FLASH50": "NOT_STACKABLE", "SUMMER20": "NOT_STACKABLE"}


async def test_a_code_holds_within_its_window(pricing: RunningPricing) -> None:
    """
    From its first moment until just before its last.
    """
    window = {"validFrom": "2026-01-01T12:00:01Z", "validUntil": "2026-01-01T12:00:02Z"}
    await pricing.put_discount("SHORT", TWENTY, **window)
    statuses = []
    for _ in range(3):
        statuses.append((await pricing.calculate("TEST-001", codes=["SHORT"])).status_code)
        pricing.clock.advance(1)

    assert statuses == [422, 200, 422]


async def test_at_most_five_codes(pricing: RunningPricing) -> None:
    """
    Six codes are refused before any of them is looked at.
    """
    answer = await pricing.calculate("TEST-001", codes=[f"C{number}" for number in range(6)])

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"

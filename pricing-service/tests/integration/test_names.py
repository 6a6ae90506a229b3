"""
What products and categories may be called.
"""

import httpx
from pricing_app import RunningPricing
from pydantic import JsonValue

TENTH: dict[str, JsonValue] = {"type": "PERCENTAGE", "percent": "10"}
NO_IDS = ("-A", "_A", ".A", "A b", "A" * 65, "Calculate", "QUOTE", "Quotes")
IDS = ("0", "A", "a.B_c-9", "quoted", "re-quote", "A" * 64)


def problems_of(*answers: httpx.Response) -> list[dict[str, str]]:
    """
    What is wrong, in answers that must say so.
    """
    assert [answer.status_code for answer in answers] == [422] * len(answers)
    return [one for answer in answers for one in answer.json()["error"]["details"]["problems"]]


async def asked_for(pricing: RunningPricing, product_id: str) -> list[httpx.Response]:
    """
    Whatever each route that takes a product's id answers to this one.
    """
    return [
        await pricing.price(product_id),
        await pricing.set_price(product_id, "1", validUntil="2026-01-01T12:00:00Z"),
        await pricing.calculate(product_id),
        await pricing.quote({product_id: 1}),
    ]


async def test_what_a_product_can_be_called(pricing: RunningPricing) -> None:
    """
    The same at every route: a letter or digit first, 64 characters at most, and no address below
    /prices, in capitals or not. What is allowed and has no price is not found.
    """
    for product_id in NO_IDS:
        answers = [*await asked_for(pricing, product_id), await pricing.prices("A", product_id)]
        fields = {one["field"] for one in problems_of(*answers)}
        assert len(fields) == 4, (product_id, fields)
    for product_id in IDS:
        read, written, *priced = await asked_for(pricing, product_id)
        assert [one.status_code for one in (read, *priced)] == [404] * 3, product_id
        assert [one["field"] for one in problems_of(written)] == ["body.validUntil"]
        assert (await pricing.prices(product_id)).json() == {"items": []}


async def test_what_a_category_can_be_called(pricing: RunningPricing) -> None:
    """
    Words of small letters and digits with a hyphen between them, 40 characters at most.
    """
    for category in ("", "Books", "-books", "books-", "a--b", "a b", "a" * 41):
        answers = [
            await pricing.set_price("NEW", "1", category=category),
            await pricing.put_discount("NEW", TENTH, category=category),
        ]
        assert [one["field"] for one in problems_of(*answers)] == ["body.category"] * 2, category
    for category in ("a", "home-and-garden-2", "a" * 40):
        assert (await pricing.set_price("NEW", "1", category=category)).status_code == 200
        assert (await pricing.put_discount("NEW", TENTH, category=category)).status_code == 200

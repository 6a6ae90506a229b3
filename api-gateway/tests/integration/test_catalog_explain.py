"""
How an answer came about, for those who may ask.
"""

import asyncio
from typing import Any

import pytest
from catalog_app import RunningCatalog, admin, running_catalog, three_products
from fake_backends import Held
from gateway_app import PATIENCE_S, bearer
from pydantic import BaseModel

from gateway.catalog.schemas import (
    BulkCheckResponse,
    CatalogPageResponse,
    CatalogProductResponse,
)


async def explained(running: RunningCatalog, kind: str) -> dict[str, Any]:
    """
    An answer to an administrator who wants to know.
    """
    headers = admin() | {"X-Explain": "1"}
    if kind == "bulk":
        answer = await running.check("A-1", "C-1", headers=headers)
    else:
        answer = await running.get("/products" + ("/A-1" if kind == "one" else ""), headers=headers)
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.json())


@pytest.mark.parametrize(
    ("kind", "model", "products", "priced"),
    [
        ("one", CatalogProductResponse, 1, 1),
        ("page", CatalogPageResponse, 3, 2),
        ("bulk", BulkCheckResponse, 2, 1),
    ],
)
async def test_an_administrator_is_told_how_an_answer_came_about(
    kind: str, model: type[BaseModel], products: int, priced: int
) -> None:
    """
    Both parts with their sources and calls, in the documented form; otherwise nothing is added.
    """
    async with running_catalog(three_products()) as running:
        told = await explained(running, kind)

    model.model_validate(told)
    inventory, pricing = told["explain"]["parts"]
    assert (inventory["part"], pricing["part"]) == ("inventory", "pricing")
    assert inventory["source"] == {"fresh": products, "lastKnown": 0, "none": 0}
    assert pricing["source"] == {"fresh": priced, "lastKnown": 0, "none": products - priced}
    (call,) = pricing["calls"]
    assert (call["keys"], call["lookups"], call["attempts"]) == (products, products, 1)
    assert (call["outcome"], call["status"], call["breaker"]) == ("ok", 200, "closed")
    assert 0 <= call["usedMs"] < call["deadlineMs"] <= 1_000 * PATIENCE_S


async def test_an_explanation_names_faults_and_what_stood_in() -> None:
    """
    A failed call with its status, an open breaker without one, and where the values came from.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products/A-1")
        running.backends.pricing.fail_always(500)
        failed = await explained(running, "one")
        await running.get("/products/A-1")
        refused = await explained(running, "one")

    (call,) = failed["explain"]["parts"][1]["calls"]
    assert (call["outcome"], call["status"], call["breaker"]) == ("failed", 500, "closed")
    assert failed["explain"]["parts"][1]["source"] == {"fresh": 0, "lastKnown": 1, "none": 0}
    (call,) = refused["explain"]["parts"][1]["calls"]
    assert (call["outcome"], call["status"], call["breaker"]) == ("circuit_open", None, "open")
    assert call["attempts"] == 0


async def test_an_answer_that_could_not_be_given_is_explained_too() -> None:
    """
    A 503 is where an operator most wants to know: it has the tree among its details.
    """
    async with running_catalog(three_products()) as running:
        running.backends.inventory.fail_always(500)
        running.backends.pricing.fail_always(422)
        answer = await running.get("/products/A-1", headers=admin() | {"X-Explain": "1"})

    assert answer.status_code == 503
    inventory, pricing = answer.json()["error"]["details"]["explain"]["parts"]
    assert (inventory["calls"][0]["outcome"], pricing["calls"][0]["outcome"]) == (
        "failed",
        "refused",
    )


async def test_only_administrators_have_answers_explained() -> None:
    """
    Others are told what is needed, and whoever writes something else, what can be written.
    """
    async with running_catalog(three_products()) as running:
        anonymous = await running.get("/products/A-1", headers={"X-Explain": "1"})
        shopper = await running.get("/products/A-1", headers=bearer() | {"X-Explain": "1"})
        other = await running.get("/products/A-1", headers=admin() | {"X-Explain": "yes"})
        plain = await running.get("/products/A-1", headers=admin())

    assert (anonymous.status_code, shopper.status_code, other.status_code) == (401, 403, 400)
    assert shopper.json()["error"]["details"] == {"needs": "scope admin"}
    assert "X-Explain" in other.json()["error"]["message"]
    assert "explain" not in plain.json()


@pytest.mark.leaping_time
async def test_a_call_that_is_not_over_is_told_as_such() -> None:
    """
    This caller's time ended, while others wait on: what becomes of the call, nobody knows yet.
    """
    async with running_catalog(three_products()) as running:
        running.backends.pricing.fail_always(held := Held())
        patient = asyncio.create_task(running.get("/products/A-1"))
        headers = admin() | {"X-Explain": "1"}
        answer = await running.get("/products/A-1", within_ms=300, headers=headers)
        held.release()
        await patient

    CatalogProductResponse.model_validate(answer.json())
    (call,) = answer.json()["explain"]["parts"][1]["calls"]
    assert (call["inProgress"], call["outcome"], call["usedMs"]) == (True, None, None)
    assert (call["keys"], call["lookups"]) == (1, 2)


async def test_a_lookup_that_never_went_out_is_told_as_such() -> None:
    """
    Where no call was made, there is none to tell of.
    """
    async with running_catalog(three_products()) as running:
        await running.catalog.aclose()
        answer = await running.get("/products/A-1", headers=admin() | {"X-Explain": "1"})

    parts = answer.json()["error"]["details"]["explain"]["parts"]
    assert [(part["notSent"], part["calls"]) for part in parts] == [(1, []), (1, [])]


async def test_an_explanation_tells_how_many_shared_a_call() -> None:
    """
    Lookups of others that went out in the same call are counted, and nothing else of them is told.
    """
    async with running_catalog(three_products()) as running:
        others = [running.get(f"/products/{one}") for one in ("A-1", "B-1", "A-1")]
        told, *_ = await asyncio.gather(explained(running, "one"), *others)

    (call,) = told["explain"]["parts"][0]["calls"]
    assert (call["keys"], call["lookups"]) == (2, 4)

"""
That the documentation shows every kind of answer to orders, as it is given.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from checkout_app import running_checkout
from fake_backends import FakeBackends
from pydantic import BaseModel

from gateway.checkout import examples
from gateway.checkout.schemas import (
    ConfirmedOrderResponse,
    OrderResponse,
    OrdersResponse,
    OrderWithTimelineResponse,
)

ORDERS: Final = "/api/v1/orders"
ONE: Final = f"{ORDERS}/{{order_id}}"
#: Each operation, and the statuses that it answers with.
DESCRIBED: Final = {
    ("post", ORDERS): "201 202 400 401 403 404 409 413 422 503 504",
    ("get", ORDERS): "200 401 422 503",
    ("get", ONE): "200 404",
    ("post", f"{ONE}/cancel"): "200 202 401 404 409 503",
    ("post", f"{ONE}/retry"): "202 403 404 409",
    ("get", f"{ONE}/events"): "200 204 404 503",
}


@pytest.mark.parametrize(
    ("responses", "models"),
    [
        (
            examples.placing_responses(OrderResponse),
            {201: ConfirmedOrderResponse, 202: OrderResponse},
        ),
        (examples.order_responses(), {200: OrderWithTimelineResponse}),
        (examples.list_responses(), {200: OrdersResponse}),
        (
            examples.cancelling_responses(OrderResponse),
            {200: OrderResponse, 202: OrderResponse},
        ),
        (examples.retry_responses(), {202: OrderResponse}),
    ],
    ids=["placing", "one", "list", "cancelling", "retry"],
)
def test_the_examples_are_of_the_documented_form(
    responses: dict[int, Any], models: dict[int, type[BaseModel]]
) -> None:
    """
    Every example of a good answer is one that the model beside it describes.
    """
    for status, model in models.items():
        shown = [*_examples(responses[status])]
        assert shown
        for example in shown:
            model.model_validate(example)


async def test_every_status_is_documented() -> None:
    """
    Good ones and refusals, with an example of each that has a body.
    """
    async with running_checkout(FakeBackends.selling("A-1")) as shop:
        described = (await shop.client.get("/openapi.json")).json()["paths"]

    for (method, path), statuses in DESCRIBED.items():
        responses = described[path][method]["responses"]
        assert {*statuses.split()} <= responses.keys(), path
        assert all(
            "example" in str(one["content"]) for one in responses.values() if "content" in one
        )


async def test_the_refusals_of_an_order_are_shown_by_their_codes() -> None:
    """
    Whoever programs against them finds what to expect.
    """
    async with running_checkout(FakeBackends.selling("A-1")) as shop:
        described = (await shop.client.get("/openapi.json")).json()["paths"]

    responses = described[ORDERS]["post"]["responses"]
    codes = {
        example["error"]["code"]
        for status, response in responses.items()
        if status >= "400"
        for example in _examples(response)
    }
    assert {
        "OUT_OF_STOCK",
        "NOT_FOUND",
        "INVALID_DISCOUNT",
        "IDEMPOTENCY_MISMATCH",
        "SERVICE_UNAVAILABLE",
        "OVERLOADED",
    } <= codes
    assert "text/event-stream" in described[f"{ONE}/events"]["get"]["responses"]["200"]["content"]


def _examples(response: dict[str, Any]) -> Iterator[Any]:
    for example in response["content"]["application/json"]["examples"].values():
        yield example["value"]

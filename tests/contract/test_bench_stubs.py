"""
What the benchmark's stub backends tell has the form of what inventory and pricing tell.
"""

import asyncio
from functools import partial
from typing import Any

import orjson
import pytest

from bench import stubs
from inventory.products.schemas import ProductResponse, ProductsResponse
from pricing.prices.schemas import PriceResponse, PricesResponse
from servicekit.schemas import AnswerModel


def body(answer: bytes) -> dict[str, Any]:
    """
    The body of one answer, which is as long as its head says.
    """
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(rest)}\r\n".encode() in head
    told: dict[str, Any] = orjson.loads(rest)
    return told


def ids_of(answer: bytes) -> list[str]:
    """
    Which products a list is of.
    """
    return [item.get("id", item.get("productId")) for item in body(answer)["items"]]


class Wire(asyncio.Transport):
    """
    Keeps what was written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data


@pytest.mark.parametrize(
    ("stub", "target", "model"),
    [
        (stubs.inventory(3), b"/api/v1/products/TEST-002", ProductResponse),
        (stubs.inventory(3), b"/api/v1/products?ids=TEST-002,TEST-001", ProductsResponse),
        (stubs.inventory(3), b"/api/v1/products?page=2&size=2", ProductsResponse),
        (stubs.pricing(3), b"/api/v1/prices/TEST-002", PriceResponse),
        (stubs.pricing(3), b"/api/v1/prices?ids=TEST-002%2CTEST-001", PricesResponse),
    ],
)
def test_a_stub_tells_what_the_service_describes(
    stub: stubs.Stub, target: bytes, model: type[AnswerModel]
) -> None:
    """
    Each answer has the fields of the service's own, all of them and in their order.
    """
    told = body(stub.answer(target))

    described = model.model_validate(told).model_dump(by_alias=True)

    assert list(told) == list(described)
    for item, its in zip(told.get("items", []), described.get("items", []), strict=True):
        assert list(item) == list(its)


def test_a_stub_leaves_unknown_products_out() -> None:
    """
    Lists keep the order that was asked for; a product that is not there is 404 alone.
    """
    stub = stubs.inventory(20)

    some = stub.answer(b"/api/v1/products?ids=TEST-020%2CNOPE%2CTEST-001%2CTEST-020")
    none = stub.answer(b"/api/v1/products/TEST-021")

    assert ids_of(some) == ["TEST-020", "TEST-001"]
    assert none.startswith(b"HTTP/1.1 404 ")
    assert body(none)["error"]["code"] == "NOT_FOUND"


def test_a_stub_pages_as_inventory_does() -> None:
    """
    Pages follow each other, the last one is what is left, and every one knows how many there are.
    """
    stub = stubs.inventory(5)

    pages = [stub.answer(b"/api/v1/products?page=%d&size=2" % page) for page in (1, 2, 3, 4)]

    assert [len(ids_of(page)) for page in pages] == [2, 2, 1, 0]
    assert {(body(page)["total"], body(page)["pages"]) for page in pages} == {(5, 3)}


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_a_stub_answers_requests_in_pieces_and_several_at_once(at_once: int) -> None:
    """
    However requests are cut, each is answered once, in order, and counted.
    """
    stub, wire = stubs.pricing(9), Wire()
    protocol = stubs.StubProtocol(stub.answer)
    protocol.connection_made(wire)
    targets = [b"/api/v1/prices/TEST-%03d" % number for number in range(1, 10)]
    sent = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in targets)

    for begin in range(0, len(sent), at_once):
        protocol.data_received(sent[begin : begin + at_once])

    assert stub.calls == len(targets)
    assert wire.written == b"".join(map(partial(stubs.Stub.answer, stub), targets))

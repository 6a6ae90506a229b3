"""
Pictures of products, which inventory draws and a storefront shows.
"""

import asyncio

import httpx
import pytest
from catalog_app import running_catalog, three_products
from fake_backends import Fault
from gateway_app import bearer

PATH = "/pictures/A-1.svg"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def drawn(request: httpx.Request) -> httpx.Response:
    """
    A picture, as inventory answers.
    """
    assert request.url.path == PATH
    return httpx.Response(200, headers={"Content-Type": "image/svg+xml"}, content=SVG)


async def test_a_picture_is_shown_where_its_product_says() -> None:
    """
    ``imageUrl`` is an address of the gateway's: for everybody, to be kept, and never to be run.
    """
    async with running_catalog(three_products()) as running:
        path = (await running.get("/products/A-1")).json()["imageUrl"]
        running.backends.inventory.fail_always(drawn)
        answer = await running.client.get(path, headers=bearer(scope="write"))
        known = {"If-None-Match": answer.headers["ETag"]}
        again = await running.client.get(path, headers=known)

    assert (answer.status_code, answer.content) == (200, SVG)
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (404, 404, "NOT_FOUND"),
        (500, 502, "UPSTREAM_ERROR"),
        (422, 502, "UPSTREAM_ERROR"),
        (b"<html>no picture</html>", 502, "UPSTREAM_ERROR"),
        (httpx.ReadTimeout("too slow"), 502, "UPSTREAM_ERROR"),
    ],
)
async def test_a_picture_that_is_not_there_is_an_error(
    fault: Fault, status: int, code: str
) -> None:
    """
    Nothing else than a picture is passed on.
    """
    async with running_catalog(three_products()) as running:
        running.backends.inventory.fail_always(fault)
        answer = await running.client.get(PATH)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "Cache-Control" not in answer.headers


async def test_a_picture_is_asked_for_once_by_many() -> None:
    """
    Who looks at a picture at once shares a call.
    """
    async with running_catalog(three_products()) as running:
        running.backends.inventory.fail_always(drawn)
        answers = await asyncio.gather(*(running.client.get(PATH) for _ in range(50)))

    assert {answer.content for answer in answers} == {SVG}
    assert running.calls[0] <= 2

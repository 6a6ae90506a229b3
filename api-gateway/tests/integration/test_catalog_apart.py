"""
What cannot be asked for in batches, and its crowds, stand in nobody's way to a product.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import httpx
import pytest
from catalog_app import RunningCatalog, running_catalog, three_products
from fake_backends import Held

from gateway.settings import MAX_SINGLE_CALLS, MAX_SINGLE_WAITING
from servicekit.testing import eventually

N_ROOM: Final = MAX_SINGLE_CALLS + MAX_SINGLE_WAITING
#: More than there ever was room for on the wire by one way.
N_CROWD: Final = 150

Ask = Callable[[RunningCatalog, int], asyncio.Task[httpx.Response]]


def search(running: RunningCatalog, number: int) -> asyncio.Task[httpx.Response]:
    """
    Ask for a list that nobody else asks for.
    """
    return asyncio.create_task(running.get("/products", q=f"{number}"))


def picture(running: RunningCatalog, number: int) -> asyncio.Task[httpx.Response]:
    """
    Ask for a picture that nobody else asks for.
    """
    return asyncio.create_task(running.client.get(f"/pictures/X-{number}.svg"))


def is_single(request: httpx.Request) -> bool:
    """
    Whether it is asked for anything but a batch of products.
    """
    return "ids" not in request.url.params


async def end(tasks: list[asyncio.Task[httpx.Response]]) -> None:
    """
    Let those go who still wait.
    """
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("ask", [search, picture])
async def test_a_crowd_of_lists_or_pictures_holds_no_product_up(ask: Ask) -> None:
    """
    It has so many places and so long a line; beyond, it is told at once, and products are read.
    """
    async with running_catalog(three_products()) as running:
        running.backends.inventory.fail_always(Held(), where=is_single)
        crowd = [ask(running, number) for number in range(N_CROWD)]
        await eventually(lambda: sum(task.done() for task in crowd) == N_CROWD - N_ROOM)

        product = await running.get("/products/A-1")
        refused = [task.result() for task in crowd if task.done()]
        on_the_wire = sum(map(is_single, running.backends.inventory.asked))
        await end(crowd)

    assert (product.status_code, product.json()["complete"]) == (200, True)
    assert on_the_wire == MAX_SINGLE_CALLS
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert all("OVERLOADED" in answer.text for answer in refused)


@pytest.mark.parametrize(
    ("ask", "open_one"), [(search, "inventory-lists"), (picture, "inventory-pictures")]
)
async def test_failing_lists_or_pictures_open_a_breaker_of_their_own(
    ask: Ask, open_one: str
) -> None:
    """
    Products are read on, and ``/health`` says which way it is that is closed.
    """
    async with running_catalog(three_products()) as running:
        running.backends.inventory.fail_always(500, where=is_single)
        await asyncio.gather(*(ask(running, number) for number in range(5)))

        product = await running.get("/products/A-1")
        health = (await running.client.get("/health")).json()

    assert product.json()["complete"]
    ill = [name for name, state in health["dependencies"].items() if state == "unhealthy"]
    assert ill == [open_one]

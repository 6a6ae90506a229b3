"""
What concurrent requests share, and that nothing of who asks is in it.
"""

import asyncio
from typing import Any

import httpx
import pytest
from catalog_app import RunningCatalog, running_catalog
from fake_backends import FakeBackends, Held
from gateway_app import bearer
from hypothesis import given, settings
from hypothesis import strategies as st

from servicekit.deadline import DEADLINE_HEADER
from servicekit.testing import eventually

IDS = [f"A-{number:03}" for number in range(20)]


def selling() -> FakeBackends:
    """
    Both services, which know twenty products.
    """
    return FakeBackends.selling(*IDS)


async def test_two_hundred_views_of_a_page_are_few_calls() -> None:
    """
    One call to inventory for all that ask at once, and for their prices one call to pricing.
    """
    async with running_catalog(selling()) as running:
        answers = await asyncio.gather(*(running.get("/products") for _ in range(200)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [item["id"] for item in answers[0].json()["items"]] == IDS
    assert sum(running.calls) <= 6


async def test_two_hundred_views_of_single_products_are_few_calls() -> None:
    """
    200 single views of 20 products cost a handful of calls, and each is shown its own.
    """
    async with running_catalog(selling()) as running:
        wanted = IDS * 10
        answers = await asyncio.gather(*(running.get(f"/products/{one}") for one in wanted))

    assert [answer.json()["id"] for answer in answers] == wanted
    assert all(answer.json()["complete"] for answer in answers)
    assert sum(running.calls) <= 6


async def test_views_that_come_while_calls_are_slow_share_the_next() -> None:
    """
    However many come while an answer is awaited, they cost one more call to each service.
    """
    backends = selling()
    async with running_catalog(backends) as running:
        held = Held()
        backends.inventory.fail_next(held)
        first = asyncio.create_task(running.get("/products"))
        await eventually(lambda: backends.inventory.calls == 1)

        later = [asyncio.create_task(running.get("/products")) for _ in range(100)]
        await eventually(lambda: running.catalog.loaders.pages.lookups == 101)
        held.release()
        answers = await asyncio.gather(first, *later)

    assert {answer.status_code for answer in answers} == {200}
    assert backends.inventory.calls == 2
    assert backends.pricing.calls <= 2


async def test_a_bulk_check_of_a_hundred_is_one_call_each() -> None:
    """
    One call to inventory and one to pricing, whatever of it is there, in the order asked for.
    """
    ids = [f"B-{number:03}" for number in range(100)]
    backends = FakeBackends.selling(*ids[::2])
    async with running_catalog(backends) as running:
        answer = await running.check(*reversed(ids))

    lines = answer.json()["items"]
    assert [line["productId"] for line in lines] == ids[::-1]
    assert [line["status"] for line in lines] == ["missing", "found"] * 50
    assert running.calls == (1, 1)
    assert backends.inventory.asked_ids == [ids[::-1]]


async def test_a_page_is_one_call_each() -> None:
    """
    The largest page costs one call to inventory, and one to pricing for all that is on it.
    """
    ids = [f"C-{number:03}" for number in range(150)]
    async with running_catalog(FakeBackends.selling(*ids)) as running:
        answer = await running.get("/products", size=100)

    assert [item["id"] for item in answer.json()["items"]] == ids[:100]
    assert running.calls == (1, 1)


@pytest.mark.leaping_time
async def test_a_caller_in_a_hurry_shortens_nobodys_time() -> None:
    """
    Who gives little time leaves with what is there; who shares its call waits on and gets all.
    """
    backends = selling()
    async with running_catalog(backends) as running:
        held = Held()
        backends.pricing.fail_always(held)
        patient = asyncio.create_task(running.get(f"/products/{IDS[0]}"))
        hurried = await running.get(f"/products/{IDS[0]}", within_ms=100)
        held.release()
        answer = await patient

    assert hurried.status_code == 200
    assert [lack["reason"] for lack in hurried.json()["unavailable"]] == ["DEADLINE_EXCEEDED"]
    assert answer.json()["complete"]
    assert backends.pricing.calls == 1


@pytest.mark.leaping_time
async def test_a_stalled_service_costs_its_part_before_the_deadline() -> None:
    """
    Where pricing hangs, the rest is answered within the caller's time, not refused after it.
    """
    backends = selling()
    backends.pricing.fail_always(Held())
    async with running_catalog(backends, request_timeout_seconds=0.3) as running:
        one = await running.get(f"/products/{IDS[0]}")
        page = await running.get("/products")
        checked = await running.check(*IDS)

    assert (one.status_code, page.status_code, checked.status_code) == (200, 200, 200)
    told = [
        one.json(),
        *page.json()["items"],
        *(line["product"] for line in checked.json()["items"]),
    ]
    assert {item["stockLevel"] for item in told} == {10}
    reasons = [lack["reason"] for item in told for lack in item["unavailable"]]
    assert reasons == ["DEADLINE_EXCEEDED"] * 41


async def test_a_caller_that_leaves_harms_nobody() -> None:
    """
    Who gives up takes nothing from those who share its calls, and leaves nothing behind.
    """
    backends = selling()
    async with running_catalog(backends) as running:
        held = Held()
        backends.inventory.fail_always(held)
        leaving = [asyncio.create_task(running.get(path)) for path in PATHS]
        staying = [asyncio.create_task(running.get(path)) for path in PATHS]
        await eventually(lambda: backends.inventory.calls == 2)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        held.release()
        answers = await asyncio.gather(*staying)

        assert {answer.status_code for answer in answers} == {200}
        assert len(running.catalog.loaders.pages) == 0
        assert running.catalog.loaders.products.stats().waiting == 0


PATHS = [f"/products/{IDS[0]}", "/products"]

CALLERS = st.lists(
    st.fixed_dictionaries(
        {
            "product": st.sampled_from(IDS),
            "kind": st.sampled_from(["one", "page", "bulk"]),
            "scope": st.sampled_from(["read", "read write", "read write admin", None]),
            "correlation": st.text("abcdefXYZ0123456789._-", min_size=1, max_size=40),
            "deadline_ms": st.sampled_from([None, 5_000, 10_000, 60_000]),
            "privacy": st.sampled_from(["standard", "strict"]),
        }
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda caller: caller["correlation"],
)


async def ask(running: RunningCatalog, caller: dict[str, Any]) -> httpx.Response:
    """
    What this caller is answered.
    """
    headers = {
        "X-Correlation-ID": caller["correlation"],
        "X-Privacy-Level": caller["privacy"],
        "X-User-Id": caller["correlation"],
        "Cookie": f"session={caller['correlation']}",
    }
    if caller["scope"] is not None:
        headers |= bearer(sub=f"user-{caller['correlation']}", scope=caller["scope"])
    if caller["deadline_ms"] is not None:
        headers[DEADLINE_HEADER] = str(caller["deadline_ms"])
    if caller["kind"] == "bulk":
        return await running.check(caller["product"], headers=headers)
    path = "/products" if caller["kind"] == "page" else f"/products/{caller['product']}"
    return await running.get(path, headers=headers)


def shown(answer: httpx.Response) -> list[str]:
    """
    The ids of the products in an answer.
    """
    told = answer.json()
    items = told.get("items", [told])
    return [item.get("productId") or item["id"] for item in items]


@given(callers=CALLERS)
@settings(max_examples=25, deadline=None)
def test_no_shared_call_has_anything_of_its_callers(callers: list[dict[str, Any]]) -> None:
    """
    Whoever asks at once: each is answered its own, and what goes out is the same for all.
    """
    asyncio.run(_check_callers(callers))


async def _check_callers(callers: list[dict[str, Any]]) -> None:
    async with running_catalog(selling(), request_timeout_seconds=120) as running:
        answers = await asyncio.gather(*(ask(running, caller) for caller in callers))

    for caller, answer in zip(callers, answers, strict=True):
        assert answer.status_code == 200
        assert answer.headers["X-Correlation-ID"] == caller["correlation"]
        assert shown(answer) == (IDS if caller["kind"] == "page" else [caller["product"]])
    sent = [*running.backends.inventory.asked, *running.backends.pricing.asked]
    assert len(sent) <= 5
    correlations = {caller["correlation"] for caller in callers}
    for request in sent:
        check_sent(request, correlations)


def check_sent(request: httpx.Request, correlations: set[str]) -> None:
    """
    It names no caller, but for the correlation id of one of those who share it.
    """
    assert request.headers["X-Correlation-ID"] in correlations
    assert {name.lower() for name in request.headers} <= {
        "host",
        "x-correlation-id",
        "traceparent",
        "x-service-name",
        "accept-encoding",
        "accept",
        "x-request-deadline-ms",
    }


@pytest.mark.parametrize("longest_ms", [5_000, 60_000])
async def test_a_shared_call_has_the_longest_time_of_its_callers(longest_ms: int) -> None:
    """
    The call may take as long as the most patient of its callers gives, and not longer.
    """
    backends = selling()
    async with running_catalog(backends, request_timeout_seconds=120) as running:
        await asyncio.gather(
            *(
                running.get(f"/products/{one}", within_ms=given_ms)
                for one, given_ms in zip(IDS, [200, longest_ms, 1_000], strict=False)
            )
        )

    (request,) = backends.inventory.asked
    given_ms = int(request.headers[DEADLINE_HEADER])
    assert min(longest_ms, 30_000) * 0.8 < given_ms <= longest_ms

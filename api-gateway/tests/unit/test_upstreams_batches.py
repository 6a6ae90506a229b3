"""
What is made of whatever inventory and pricing answer to a question for several ids.
"""

from collections.abc import Callable

import httpx
import orjson
import pytest
from asking import ONCE, Asking, asking, without
from fake_backends import Fault, instead
from hypothesis import given
from hypothesis import strategies as st

from servicekit.errors import CircuitOpen, StorefrontError, UpstreamFailed, UpstreamRefused
from servicekit.http import Policy

MIB_8 = 8 * 1024 * 1024


@pytest.fixture(params=["inventory", "pricing"])
def service(request: pytest.FixtureRequest) -> Asking:
    """
    Either of them.
    """
    return asking(request.param)


async def test_a_batch_is_one_call(service: Asking) -> None:
    """
    Whatever the number of ids, they are asked for once and in their order.
    """
    found = await service.ask(["A-2", "X", "A-1"])

    assert [*found] == ["A-2", "A-1"]
    assert service.upstream.calls == 1
    assert service.upstream.asked_ids == [["A-2", "X", "A-1"]]


#: Answers that are not used at all.
UNUSABLE: dict[str, Callable[[Asking], Fault]] = {
    "nothing": lambda _: b"",
    "a page for people": lambda _: b"<html><h1>Bad gateway</h1></html>",
    "a list": lambda a: orjson.dumps([a.item("A-1")]),
    "null": lambda _: b"null",
    "text": lambda _: b'"items"',
    "no list": lambda _: b"{}",
    "null for a list": lambda _: b'{"items":null}',
    "an object for a list": lambda a: orjson.dumps({"items": {"A-1": a.item("A-1")}}),
    "no number for a list": lambda _: b'{"items":NaN}',
    "half of an answer": lambda a: a.body(a.item("A-1"))[:-30],
    "two answers": lambda a: a.body() + a.body(),
    "an answer in UTF-16": lambda a: a.body().decode().encode("utf-16"),
    "a byte order mark": lambda a: b"\xef\xbb\xbf" + a.body(),
    "a control character": lambda a: a.body(a.item("A-1")).replace(b"A-1", b"A-1\x01"),
    "null for an item": lambda a: a.body(a.item("A-1"), None),
    "a list for an item": lambda a: a.body([a.item("A-1")]),
    "an item without its id": lambda a: a.body(a.item("A-1"), without(a.item("A-2"), a.key)),
    "a number for an id": lambda a: a.body(a.item("A-1") | {a.key: 1}),
    "null for an id": lambda a: a.body(a.item("A-1") | {a.key: None}),
    "half a character in an id": lambda a: a.body(a.item("A-1")).replace(b"A-1", b"\\ud800."),
    "an id in no encoding": lambda a: a.body(a.item("A-1")).replace(b"A-1", b"A\xff1"),
    "an item twice": lambda a: a.body(a.item("A-1"), a.item("A-1")),
    "a broken item twice": lambda a: a.body(
        a.item("A-1"), without(a.item("A-1"), "sku" if a.key == "id" else "currency")
    ),
    "other ids": lambda a: a.body(a.item("B-1"), a.item("B-2")),
    "another id besides": lambda a: a.body(a.item("A-1"), a.item("A-2"), a.item("A-3")),
    "a broken one of another id": lambda a: a.body(a.item("A-1"), {a.key: "A-3"}),
    "an id with a line's end": lambda a: a.body(a.item("A-1\n")),
    "lists without end": lambda _: b'{"items":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects without end": lambda a: (
        a.body(a.item("A-1"))[:-1] + b',"x":' + b'{"x":' * 100_000 + b"1" + b"}" * 100_001
    ),
    "more than is read": lambda a: a.body() + b" " * MIB_8,
    "a status of nothing": lambda _: lambda _: httpx.Response(204),
    "a status of elsewhere": lambda a: (
        lambda _: httpx.Response(302, headers={"Location": "/"}, content=a.body(a.item("A-1")))
    ),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_answers_nothing_that_was_asked_is_not_used(
    answer: Callable[[Asking], Fault], service: Asking
) -> None:
    """
    Garbage, and answers for other ids, are a failure of the upstream: nothing of them is shown.
    """
    service.upstream.fail_always(answer(service))

    with pytest.raises(UpstreamFailed):
        await service.ask(["A-1", "A-2"])


@given(
    st.binary()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)
    .map(repr)
    .map(str.encode)
)
async def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """
    Whatever an upstream sends, its failure is one of ours.
    """
    for name in ("inventory", "pricing"):
        service = asking(name)
        service.upstream.fail_always(body)

        with pytest.raises(UpstreamFailed):
            await service.ask(["A-1"])


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_a_refusal_is_told_as_it_is(status: int, service: Asking) -> None:
    """
    The upstream is well and says no: that is no garbage.
    """
    service.upstream.fail_always(status)

    with pytest.raises(UpstreamRefused) as refusal:
        await service.ask(["A-1"])

    assert refusal.value.upstream_status == status


@pytest.mark.parametrize(
    "fault", [500, 503, httpx.ConnectError("no"), httpx.ReadTimeout("late")], ids=repr
)
async def test_an_upstream_that_is_away_is_left_alone_after_a_while(
    fault: Fault, service: Asking
) -> None:
    """
    What cannot be asked is a failure each time, until the breaker opens.
    """
    service.upstream.fail_always(fault)
    failures: list[StorefrontError] = []

    for _ in range(ONCE.breaker_threshold + 1):
        with pytest.raises(StorefrontError) as failure:
            await service.ask(["A-1"])
        failures.append(failure.value)

    assert {type(failure) for failure in failures[:-1]} == {UpstreamFailed}
    assert isinstance(failures[-1], CircuitOpen)
    assert service.upstream.calls == ONCE.breaker_threshold


async def test_a_read_is_repeated_where_that_helps() -> None:
    """
    A moment's failure is not seen by whoever asks.
    """
    service = asking("inventory", Policy())
    service.upstream.fail_next(503)

    assert [*await service.ask(["A-1"])] == ["A-1"]
    assert service.upstream.calls == 2


@pytest.mark.parametrize("n", [0, 201])
async def test_too_many_ids_are_a_mistake_of_ours(n: int, service: Asking) -> None:
    """
    Nothing is sent that no service would take.
    """
    with pytest.raises(ValueError, match="1 to 200"):
        await service.ask([f"A-{number}" for number in range(n)])

    assert service.upstream.calls == 0


async def test_an_answer_for_others_is_not_used(service: Asking) -> None:
    """
    A mix-up on the way shows nobody another product's words or price.
    """
    listed = service.upstream.listed  # type: ignore[attr-defined]  # both fakes have it
    service.upstream.fail_always(instead(listed, ids="A-2"))

    with pytest.raises(UpstreamFailed):
        await service.ask(["A-1"])

"""
What comes between a call and its answer has names of ours, whatever the network calls it.
"""

import inspect
import re

import httpx
import pytest
from networks import Network, answer

from servicekit.http import errors
from servicekit.http.call import Call
from servicekit.http.errors import (
    AnswerTooLarge,
    BadAnswer,
    CallFailed,
    ConnectionLost,
    NeverBegun,
    NotAnsweredInTime,
    NotConnected,
    NotConnectedInTime,
    NotSendable,
)
from servicekit.http.httpx_wire import HttpxWire

THEIRS_AND_OURS: list[tuple[httpx.HTTPError, type[CallFailed]]] = [
    (httpx.PoolTimeout("full"), NeverBegun),
    (httpx.ConnectTimeout("stalled"), NotConnectedInTime),
    (httpx.ReadTimeout("stalled"), NotAnsweredInTime),
    (httpx.WriteTimeout("stalled"), NotAnsweredInTime),
    (httpx.ConnectError("refused"), NotConnected),
    (httpx.ReadError("reset"), ConnectionLost),
    (httpx.WriteError("reset"), ConnectionLost),
    (httpx.CloseError("reset"), ConnectionLost),
    (httpx.LocalProtocolError("header"), NotSendable),
    (httpx.RemoteProtocolError("no HTTP"), BadAnswer),
    (httpx.DecodingError("no gzip"), BadAnswer),
]


def call() -> Call:
    """
    A read of anything.
    """
    return Call("inventory", "GET", "/x", {}, b"", True, False, 0, 0)


@pytest.mark.parametrize(("theirs", "ours"), THEIRS_AND_OURS, ids=repr)
async def test_errors_of_a_network_of_httpxs_kind_become_ours(
    theirs: httpx.HTTPError, ours: type[CallFailed]
) -> None:
    """
    Each becomes the one that says what is known of the request, with the other as its cause.
    """
    wire = HttpxWire(Network([theirs]), origin="http://inventory")

    with pytest.raises(CallFailed) as caught:
        await wire.exchange(call(), within_s=60, max_bytes=9)

    assert type(caught.value) is ours
    assert caught.value.__cause__ is theirs


async def test_answer_that_is_too_large_says_how_much_was_allowed() -> None:
    """
    The bound is what whoever reads of it wants to know.
    """
    wire = HttpxWire(Network([answer(body=b"x" * 10)]), origin="http://inventory")

    with pytest.raises(AnswerTooLarge, match="more than 9 bytes"):
        await wire.exchange(call(), within_s=60, max_bytes=9)


def test_tree_of_the_errors_is_drawn_as_it_is() -> None:
    """
    Each error stands in the module's docstring, as deep as it is in the tree.
    """
    drawn = re.findall(r"^    ([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
    made = inspect.getmembers(errors, inspect.isclass)

    assert {name: len(branch) // 4 for branch, name in drawn} == {
        name: kind.__mro__.index(CallFailed) for name, kind in made
    }

"""
The tree of errors is complete, and each error says what a client may know.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicekit import errors
from servicekit.errors import (
    AuthError,
    CircuitOpen,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    StorefrontError,
    UpstreamRefused,
)

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
LINE = re.compile(r"^[ │├└─]*(?P<name>\w+) +(?P<status>\d(?:\d\d|xx)) +(?P<code>[A-Z_]+)$")


def descendants(kind: type[StorefrontError]) -> Iterator[type[StorefrontError]]:
    """
    ``kind`` and all that derive from it in the kit's own tree.
    """
    if kind.__module__ == errors.__name__:
        yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


def drawn() -> dict[str, tuple[str, str]]:
    """
    What the docstring draws: name -> (status, code).
    """
    matches = (LINE.match(line) for line in (errors.__doc__ or "").splitlines())
    return {m["name"]: (m["status"], m["code"]) for m in matches if m}


def test_the_tree_is_complete_and_true() -> None:
    """
    Every error stands in the docstring's tree with its status and code, and nothing else does.
    """
    real = {kind.__name__: (str(kind.status), kind.code) for kind in descendants(StorefrontError)}
    real["UnservableForm"] = ("4xx", "INVALID_REQUEST")

    assert drawn() == real


def test_operators_find_every_error_in_the_documentation() -> None:
    """
    The table in docs/operations.md names every error with its status and code, and no other.
    """
    text = OPERATIONS.read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d\w\w) \| `([A-Z_]+)` \|", text, re.MULTILINE)

    assert {name: (status, code) for name, status, code in rows} == drawn()


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (AuthError(), {"WWW-Authenticate": "Bearer"}),
        (MethodNotAllowed("PUT", allowed=["GET", "POST"]), {"Allow": "GET, POST"}),
        (RateLimited(retry_after_s=0.2), {"Retry-After": "1"}),
        (CircuitOpen("inventory", retry_after_s=12.1), {"Retry-After": "13"}),
    ],
)
def test_headers_belong_to_the_error(error: StorefrontError, headers: dict[str, str]) -> None:
    """
    What HTTP asks to stand in a header is there, rounded up to whole seconds.
    """
    assert error.headers == headers


def test_errors_carry_facts() -> None:
    """
    Facts are readable by programs, beside the sentence for people.
    """
    assert NotFound("user", "u-1").details == {"what": "user", "id": "u-1"}
    assert Forbidden(needs="scope admin").details == {"needs": "scope admin"}


def test_an_upstreams_refusal_is_not_repeated_to_the_client() -> None:
    """
    What an upstream said stays inside; only its name is told.
    """
    error = UpstreamRefused("inventory", status=409, code="X", reason="row 7 locked by 10.0.0.3")

    assert "10.0.0.3" not in error.message
    assert error.details == {"upstream": "inventory"}

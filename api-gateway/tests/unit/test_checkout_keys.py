"""
Whose an ``Idempotency-Key`` is, and what it stands for.
"""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.checkout.idempotency import is_key, key_of, owner_of
from gateway.checkout.models import Wanted
from gateway.upstreams.models import Item
from servicekit.auth import Principal
from servicekit.auth.principals import Kind

LONG = "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"


def _principal(kind: Kind, user_id: str | None) -> Principal:
    nothing: frozenset[str] = frozenset()
    return Principal(user_id, None, nothing, nothing, nothing, kind)


USER, SERVICE, GUEST = (
    _principal("user", "anna"),
    _principal("service", "anna"),
    _principal("anonymous", None),
)


def _caller(key: str, principal: Principal, address: str = "203.0.113.7") -> str:
    return key_of(key, principal, address=address, body_digest="").caller


def test_keys_of_users_and_services_are_their_own_anywhere() -> None:
    """
    Whatever the address; a service that is called like a user is somebody else.
    """
    callers = {_caller("1", who, at) for who in (USER, SERVICE) for at in ("a", "b")}

    assert callers == {"user:anna", "service:anna"}
    assert owner_of(GUEST) is None


@pytest.mark.parametrize(
    "key",
    [
        LONG,
        UUID(LONG).hex,
        LONG.upper(),
        "019aa9a4-8b7c-7d1e-a3f0-5c6b7a8d9e0f",  # a UUID of version 7
        "01KAMT9Z3Q8V5N7R2E4X6C1B0D",  # a ULID
        "V1StGXR8_Z5jdHi6B-myT",  # a nanoid
        "q83vEjRWeJCrze8SNFZ4kA==",
    ],
)
def test_a_guests_key_that_looks_random_is_theirs_wherever_they_are(key: str) -> None:
    """
    A telephone may come back by another network, and must find its order.
    """
    assert {_caller(key, GUEST, at) for at in ("a", "b")} == {"guest"}


def test_nearly_all_random_uuids_look_random() -> None:
    """
    Of ten thousand, not one in a hundred counts at its address only.
    """
    dice = Random(0)
    keys = [str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(10_000)]

    assert sum(_caller(key, GUEST) == "guest" for key in keys) > 9_900


@pytest.mark.parametrize(
    "key",
    [
        LONG[:19],
        "0000000000000001",
        "order-00000000000012",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "checkout-2026-11-22-0001",
        "2026-11-22T01:12:00Z",
        "guestCheckout-2026-11-22T01:12:00.000Z",
        "user42-cart17-order3-try1",
        "session-5-cart-6-item-7-page-8-order-9",
        "MyShop-Checkout-Order-000000012",
        str(UUID(int=0)),
        "00000000-0000-4000-8000-00000000000a",
    ],
)
def test_a_guests_key_that_others_may_think_of_counts_at_one_address(key: str) -> None:
    """
    However long it is: who else sends it elsewhere has an order of their own.
    """
    assert len({_caller(key, GUEST, at) for at in ("a", "b")}) == 2


@given(st.text(max_size=300))
def test_a_key_has_visible_ascii_characters(text: str) -> None:
    """
    One to 255 of them, and nothing else.
    """
    assert is_key(text) == (0 < len(text) < 256 and all("!" <= one <= "~" for one in text))


def test_what_means_the_same_is_the_same_order() -> None:
    """
    The order of items and codes does not count; everything else does.
    """
    items = (Item("A-1", 1), Item("B-1", 2))
    same = [
        Wanted(items, ("X", "Y"), "EUR"),
        Wanted(items[::-1], ("Y", "X"), "EUR"),
    ]
    others = [
        Wanted(items, ("X", "Y"), None),
        Wanted(items, ("X",), "EUR"),
        Wanted(items[:1], ("X", "Y"), "EUR"),
        Wanted((Item("A-1", 2), Item("B-1", 1)), ("X", "Y"), "EUR"),
    ]

    assert len({one.digest for one in same}) == 1
    assert len({one.digest for one in (*same, *others)}) == 1 + len(others)

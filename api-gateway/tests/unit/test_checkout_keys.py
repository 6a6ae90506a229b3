"""
Whose an ``Idempotency-Key`` is, and what it stands for.
"""

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


def test_a_guests_key_is_theirs_by_its_length_or_by_their_address() -> None:
    """
    From 16 characters on nobody else will have it; a shorter one counts at one address.
    """
    at_two = [{_caller(key, GUEST, at) for at in ("a", "b")} for key in (LONG[:15], LONG[:16])]

    assert [len(callers) for callers in at_two] == [2, 1]


@given(st.uuids(version=4))
def test_a_guests_uuid_is_theirs_wherever_they_are(key: UUID) -> None:
    """
    A telephone may come back by another network, and must find its order.
    """
    assert {_caller(form, GUEST, at) for form in (str(key), key.hex) for at in ("a", "b")} == {
        "guest"
    }


@pytest.mark.parametrize(
    "key", ["0000000000000001", "order-0000000001", "aaaaaaaaaaaaaaaaaaaaaaaa", str(UUID(int=0))]
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

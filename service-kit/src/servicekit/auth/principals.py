"""
Who calls: the principal of the request in progress.

It travels in one context variable, which the middleware sets for each request.
Outside of any request nobody calls, and nobody may do anything.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Scope = Literal["read", "write", "admin"]
Kind = Literal["user", "service", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """
    A caller and what it may do, as its token says.

    ``user_id`` is the token's subject: a user's id, or a service's client id where
    ``kind`` is ``service``. Compare ids only among principals of one kind.
    """

    user_id: str | None
    # Logs and tracebacks print principals; an address stays out of them.
    email: str | None = field(repr=False)
    roles: frozenset[str]
    permissions: frozenset[str]
    scopes: frozenset[str]
    kind: Kind


def anonymous(scopes: Iterable[str]) -> Principal:
    """
    A caller that showed no token, and may do what ``scopes`` allow everybody.
    """
    return Principal(
        user_id=None,
        email=None,
        roles=frozenset(),
        permissions=frozenset(),
        scopes=frozenset(scopes),
        kind="anonymous",
    )


_NOBODY = anonymous(())
_current: ContextVar[Principal] = ContextVar("principal", default=_NOBODY)


def current_principal() -> Principal:
    """
    Who calls; anonymous and without scopes outside of a request.
    """
    return _current.get()


class acting_as:  # noqa: N801 - reads as a statement: with acting_as(principal)
    """
    What is inside this block is done in the name of ``principal``.
    """

    # A generator would read better; each request passes here, and this takes a third of the time.
    __slots__ = ("_principal", "_token")

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    def __enter__(self) -> Principal:
        self._token = _current.set(self._principal)
        return self._principal

    def __exit__(self, *_exception: object) -> None:
        _current.reset(self._token)

"""
Who calls: the principal of the request in progress.

It travels in one context variable, which the middleware sets for each request.
Outside of any request nobody calls, and nobody may do anything.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal

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
#: For the middleware, which sets it on every request; everybody else says ``with acting_as(...)``.
CURRENT: Final[ContextVar[Principal]] = ContextVar("principal", default=_NOBODY)


def current_principal() -> Principal:
    """
    Who calls; anonymous and without scopes outside of a request.
    """
    return CURRENT.get()


@contextmanager
def acting_as(principal: Principal) -> Iterator[Principal]:
    """
    What is inside this block is done in the name of ``principal``.
    """
    token = CURRENT.set(principal)
    try:
        yield principal
    finally:
        CURRENT.reset(token)

"""
The words of the catalog: what is known of a product, part by part, and what is told of it.

A part is asked of the service that owns it. What comes of that is one of three:

- its value, read after the request came in;
- ``None``: the service answered that there is no such thing;
- ``Unavailable``: it gave no usable answer; what was known before may stand in.

The rules that make one answer of both parts stand in ``completeness.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar, cast, get_args

from msgspec import Struct

from gateway.upstreams.models import Price, Product
from servicekit.errors import (
    DEFAULT_RETRY_AFTER_S,
    DeadlineExceeded,
    ServiceUnavailable,
    StorefrontError,
)

V_co = TypeVar("V_co", covariant=True)

Part = Literal["inventory", "pricing"]
#: Why a part is not there. ``NOT_FOUND``: its service answered that there is none.
Reason = Literal[
    "NOT_FOUND",
    "CIRCUIT_OPEN",
    "DEADLINE_EXCEEDED",
    "OVERLOADED",
    "SERVICE_UNAVAILABLE",
    "UPSTREAM_ERROR",
]
Status = Literal["found", "missing", "failed"]

_REASONS: Final[frozenset[str]] = frozenset(get_args(Reason)) - {"NOT_FOUND"}


@dataclass(frozen=True, slots=True)
class Recalled(Generic[V_co]):
    """
    A value that was read ``age_s`` seconds ago.
    """

    value: V_co
    age_s: float


@dataclass(frozen=True, slots=True)
class Unavailable(Generic[V_co]):
    """
    A part that cannot be read now. ``waited_s`` is how long was waited for it, where that is why.
    """

    reason: Reason
    retry_after_s: float = DEFAULT_RETRY_AFTER_S
    waited_s: float = 0.0
    last: Recalled[V_co] | None = None

    @classmethod
    def because_of(
        cls, error: StorefrontError, last: Recalled[V_co] | None = None
    ) -> "Unavailable[V_co]":
        """
        What an error of a lookup means for those who asked.
        """
        # A refusal (4xx) of what we asked for many is a fault of ours or theirs, of no caller's.
        reason = error.code if error.code in _REASONS else "UPSTREAM_ERROR"
        return cls(
            cast("Reason", reason),
            retry_after_s=(
                error.retry_after_s
                if isinstance(error, ServiceUnavailable)
                else DEFAULT_RETRY_AFTER_S
            ),
            waited_s=error.after_s if isinstance(error, DeadlineExceeded) else 0.0,
            last=last,
        )

    @property
    def value(self) -> V_co | None:
        """
        What stands in, if anything does.
        """
        return None if self.last is None else self.last.value


# Both are made for each request: a Struct in a fifth of the time of a frozen dataclass.
class Lack(Struct, frozen=True, gc=False):
    """
    A part that is missing in an answer, or that is ``age_s`` seconds old.
    """

    part: Part
    reason: Reason
    age_s: float | None = None

    @property
    def is_stale(self) -> bool:
        """
        Something from before stands in.
        """
        return self.age_s is not None


class View(Struct, frozen=True, gc=False):
    """
    A product as it is told; ``lacks`` says what of it is missing or old.
    """

    id: str
    product: Product | None
    price: Price | None
    lacks: tuple[Lack, ...] = ()


@dataclass(frozen=True, slots=True)
class PageView:
    """
    One page of products; ``lacks`` is of the list itself, each product has its own.
    """

    items: Sequence[View]
    page: int
    size: int
    total: int
    pages: int
    lacks: tuple[Lack, ...] = ()

    @property
    def is_complete(self) -> bool:
        """
        The list was read now, and so was all that is in it.
        """
        return not self.lacks and not any(item.lacks for item in self.items)


@dataclass(frozen=True, slots=True)
class Checked:
    """
    One line of a bulk check. What is found has a view; ``failed_for`` says why a line has failed.
    """

    product_id: str
    status: Status
    view: View | None = None
    failed_for: tuple[Lack, ...] = ()

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """
        What could not be read now, of what is found and of what has failed.
        """
        return self.failed_for if self.view is None else self.view.lacks


@dataclass(frozen=True, slots=True)
class Categories:
    """
    Every category with its number of products.
    """

    items: Sequence[tuple[str, int]]
    lacks: tuple[Lack, ...] = ()

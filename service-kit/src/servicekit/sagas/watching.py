"""
Who watches works being carried out, attempt by attempt: the protocol that telemetry implements.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from servicekit.sagas.models import Ending, Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One attempt of a step, or of its undo; the first has the number 1.
    """

    saga: str
    work_id: str
    step: str
    number: int
    is_undo: bool


class Watch(Protocol):
    """
    Is told of works and of attempts: what it opens is around them, and is told what they came to.

    Work that is not told its end is left to others. Its methods must be quick, and must not raise.
    """

    def work(
        self, saga: str, work_id: str, *, is_again: bool
    ) -> AbstractContextManager[Callable[[Ending], None]]: ...

    def attempt(self, attempt: Attempt) -> AbstractContextManager[Callable[[Outcome], None]]: ...


def _not_told(_what: object) -> None: ...


class _Nobody:
    def work(
        self,
        saga: str,  # noqa: ARG002
        work_id: str,  # noqa: ARG002
        *,
        is_again: bool,  # noqa: ARG002
    ) -> AbstractContextManager[Callable[[Ending], None]]:
        return nullcontext(_not_told)

    def attempt(
        self,
        attempt: Attempt,  # noqa: ARG002
    ) -> AbstractContextManager[Callable[[Outcome], None]]:
        return nullcontext(_not_told)


#: Where nobody watches.
NOBODY: Final[Watch] = _Nobody()

"""
How a piece of work shows in a trace, for parts that need not know whether there are traces.

``servicekit.tracing.recording`` is the one who makes them; where nothing is traced there is nobody, None.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

Fact = str | int | float | bool


class Span(Protocol):
    """
    A piece of work that is not over.
    """

    def note(self, name: str, fact: Fact) -> None:
        """
        Something to tell of it: short, and nothing personal.
        """

    def fail(self, why: str) -> None:
        """
        It did not do what it should.
        """


class Spans(Protocol):
    """
    Makes spans below the one in progress (``servicekit.correlation``).
    """

    def span(
        self, name: str, facts: Mapping[str, Fact], *, is_apart: bool = False
    ) -> AbstractContextManager[Span]:
        """
        What is done inside shows as one piece of work. ``is_apart``: in a trace of its own, which is
        linked with the one in progress.
        """

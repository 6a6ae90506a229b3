"""
What the suite found, check by check: none is left out, whether it ran or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from servicekit.conformance.check import Check

Outcome = Literal["passed", "failed", "not applicable", "not chosen"]


@dataclass(frozen=True, slots=True)
class Result:
    """
    What became of one check. ``reason`` is for one that does not apply.
    """

    check: Check
    outcome: Outcome
    seen: str = ""
    expected: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """
    The results of all checks, in the table's order. ``str()`` renders them for people.
    """

    base_url: str
    results: tuple[Result, ...]

    @property
    def is_conforming(self) -> bool:
        """
        Whether something passed and nothing failed.
        """
        return bool(self.of("passed")) and not self.of("failed")

    def of(self, outcome: Outcome) -> tuple[Result, ...]:
        """
        The results of one kind.
        """
        return tuple(result for result in self.results if result.outcome == outcome)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.base_url}: {self._summary()}"
        for result in self.of("failed"):
            yield ""
            yield f"FAILED {result.check.name}: {result.check.promise}"
            yield f"  seen:     {result.seen}"
            yield f"  expected: {result.expected}"
            yield f"  mend:     {result.check.mend}"
        if unlooked := self.of("not applicable"):
            yield ""
            yield "Not applicable:"
            yield from (f"  {result.check.name}: {result.reason}" for result in unlooked)
        if passed := self.of("passed"):
            yield ""
            yield "Passed:"
            yield from (f"  {result.check.name}: {result.check.promise}" for result in passed)

    def _summary(self) -> str:
        outcomes: tuple[Outcome, ...] = ("passed", "failed", "not applicable", "not chosen")
        counted = ((len(self.of(outcome)), outcome) for outcome in outcomes)
        return ", ".join(f"{count} {outcome}" for count, outcome in counted if count)

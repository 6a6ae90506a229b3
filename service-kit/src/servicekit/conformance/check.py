"""
A check: one promise that every service keeps, and what to add where it does not.

A check's function returns where the promise is kept, and raises
:class:`Violation` or :class:`NotApplicable` otherwise. Its name and its promise
are the function's own name and docstring.
"""

import asyncio
import unittest
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from servicekit.conformance.subject import Subject
from servicekit.conformance.target import Target
from servicekit.conformance.verdicts import NotApplicable, Violation
from servicekit.conformance.wire import NoAnswer

Run = Callable[[Subject], Awaitable[None]]


class Unkept(AssertionError):
    """
    The promise of a check is not kept; the message tells what was seen and how to mend it.
    """


class Skipped(unittest.SkipTest):
    """
    The promise of a check does not concern this service. Pytest and unittest show it as skipped.
    """


@dataclass(frozen=True, slots=True)
class Check:
    """
    One promise. ``ends_service`` is true where finding out takes the service down.
    """

    name: str
    promise: str
    mend: str
    run: Run
    ends_service: bool = False

    def __str__(self) -> str:
        return self.name

    async def examine(self, subject: Subject) -> None:
        """
        Return where the promise is kept; raises Violation or NotApplicable otherwise.
        """
        limit_s = subject.target.check_timeout_s
        if self.ends_service:
            limit_s += subject.target.stop_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self.run(subject)
        except NoAnswer as silence:
            raise Violation(seen=str(silence), expected="an HTTP answer") from None
        except TimeoutError:
            raise Violation(
                seen=f"the check was not through after {limit_s:g} s",
                expected="a service that answers promptly",
            ) from None

    async def verify(self, target: Target) -> None:
        """
        As ``examine``, for a test of its own: raises Unkept with everything a reader needs.
        """
        try:
            await self.examine(Subject(target))
        except Violation as violation:
            raise Unkept(
                f"{self.name}: {self.promise}\n"
                f"  seen:     {violation.seen}\n"
                f"  expected: {violation.expected}\n"
                f"  mend:     {self.mend}"
            ) from None
        except NotApplicable as reason:
            raise Skipped(str(reason)) from None


def check(*, mend: str, ends_service: bool = False) -> Callable[[Run], Check]:
    """
    Makes a check of a function.
    """

    def make(run: Run) -> Check:
        name = getattr(run, "__name__", "check").replace("_", "-")
        # Under -OO there are no docstrings; the name then has to do.
        promise = " ".join((run.__doc__ or name).split())
        return Check(name, promise, mend, run, ends_service)

    return make

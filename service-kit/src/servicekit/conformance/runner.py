"""
Runs the checks against a service, one after the other.
"""

from collections.abc import Collection

from servicekit.conformance.check import Check
from servicekit.conformance.report import Report, Result
from servicekit.conformance.subject import Subject
from servicekit.conformance.table import CHECKS
from servicekit.conformance.target import Target
from servicekit.conformance.verdicts import NotApplicable, Violation
from servicekit.conformance.wire import NoAnswer


class Unreachable(Exception):
    """
    Nobody answers HTTP at the address; the message is one line.
    """

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(f"{base_url} is not reachable: {reason}")


class UnknownCheck(ValueError):
    """
    There is no check of this name.
    """

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(
            f"there is no check named {', '.join(sorted(names))}; "
            f"there are {', '.join(check.name for check in CHECKS)}"
        )


async def run(target: Target, *, only: Collection[str] | None = None) -> Report:
    """
    The report on ``target``, by all checks or by those whose names are in ``only``.

    Raises Unreachable where nobody answers, and UnknownCheck.
    """
    if only is not None and (unknown := {*only} - {check.name for check in CHECKS}):
        raise UnknownCheck(unknown)
    subject = Subject(target)
    try:
        await subject.ask("GET", "/health/live")
    except NoAnswer as silence:
        raise Unreachable(target.base_url, str(silence)) from None
    return Report(
        target.base_url,
        tuple([await _result(check, subject, only) for check in CHECKS]),
    )


async def _result(check: Check, subject: Subject, only: Collection[str] | None) -> Result:
    if only is not None and check.name not in only:
        return Result(check, "not chosen")
    try:
        await check.examine(subject)
    except Violation as violation:
        return Result(check, "failed", seen=violation.seen, expected=violation.expected)
    except NotApplicable as reason:
        return Result(check, "not applicable", reason=str(reason))
    return Result(check, "passed")

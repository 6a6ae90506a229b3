"""
Whether the service ends a request when its caller's time is over.
"""

import asyncio
from typing import Final

from servicekit.conformance.answers import DEADLINE, expect_error
from servicekit.conformance.check import check
from servicekit.conformance.description import Operation
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import NotApplicable, expect

_LIFETIME: Final = "Build the application by create_service(): LifetimeMiddleware "
#: More than any answer to a caller with a few milliseconds may take.
PROMPT_S: Final = 5.0


@check(mend=_LIFETIME + "answers before anything else is done where no time is left.")
async def no_time_left_is_504(subject: Subject) -> None:
    """
    X-Request-Deadline-Ms: 0 is 504 DEADLINE_EXCEEDED.
    """
    operation = await _any(subject)
    answer = await subject.ask(operation.method, operation.path(), headers=[(DEADLINE, "0")])
    expect_error(answer, 504, "DEADLINE_EXCEEDED", on=f"{operation} with {DEADLINE}: 0")


@check(mend=_LIFETIME + "refuses what is no whole number of milliseconds, naming the header.")
async def garbage_deadline_is_400(subject: Subject) -> None:
    """
    A deadline that is no whole number is 400 INVALID_REQUEST, and the message names the header.
    """
    operation = await _any(subject)
    for value in ("soon", "-1", "1.5", "1e3", "0x10", "1 2"):
        answer = await subject.ask(operation.method, operation.path(), headers=[(DEADLINE, value)])
        on = f"{operation} with {DEADLINE}: {value}"
        error = expect_error(answer, 400, "INVALID_REQUEST", on=on)
        expect(
            DEADLINE.lower() in str(error.get("message")).lower(),
            seen=f"the message {error.get('message')!r}",
            expected=f"a message that names {DEADLINE}",
        )


@check(mend=_LIFETIME + "ends what takes too long with 504; never swallow CancelledError.")
async def little_time_ends_promptly(subject: Subject) -> None:
    """
    With a few milliseconds left, the service promptly gives its answer or 504, no other 5xx.
    """
    operations = (await subject.description()).reads
    if not operations:
        raise NotApplicable("no operation is described that only reads")
    for operation in operations[:5]:
        for milliseconds in ("1", "3", "10"):
            await _expect_prompt(subject, operation, milliseconds)


async def _expect_prompt(subject: Subject, operation: Operation, milliseconds: str) -> None:
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    answer = await subject.ask(
        "GET", operation.path(), headers=[(DEADLINE, milliseconds)], is_signed_in=True
    )
    on = f"{operation} with {DEADLINE}: {milliseconds}"
    expect(
        answer.status < 500 or answer.status == 504,
        seen=f"{on} answers {answer}",
        expected="504 or an answer below 500",
    )
    took_s = loop.time() - began_at
    expect(
        took_s < PROMPT_S,
        seen=f"{on} took {took_s:.1f} s",
        expected=f"an answer within {PROMPT_S:g} s",
    )


async def _any(subject: Subject) -> Operation:
    description = await subject.description()
    for operation in [*description.reads, *description.own]:
        return operation
    raise NotApplicable("no operation is described that has a deadline")

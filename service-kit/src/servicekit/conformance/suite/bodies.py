"""
Whether bodies that cannot be accepted are refused as they should be.
"""

from collections.abc import AsyncIterator
from typing import Final

from servicekit.conformance.answers import expect_error
from servicekit.conformance.check import check
from servicekit.conformance.description import JSON, Operation, items, mapping
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import NotApplicable, expect
from servicekit.conformance.wire import Answer, Headers

_KIT: Final = "Build the application by create_service(): "
_JSON_HEADER: Final = [("Content-Type", JSON)]
#: No service reads a body of a tebibyte.
_HUGE_BYTES: Final = str(2**40)
_NO_READER: Final = (
    "no operation is described that reads a JSON object and lets the suite's caller in"
)


@check(mend=_KIT + "error_rendering answers a body that cannot be read with MalformedRequest.")
async def malformed_json_is_400(subject: Subject) -> None:
    """
    A body that is no JSON is 400 INVALID_REQUEST.
    """
    for body in (b'{"a": ', b"\xff\xfe", b"{'a': 1}"):
        operation, answer = await _first_reader(subject, body, _JSON_HEADER)
        expect_error(answer, 400, "INVALID_REQUEST", on=f"{operation} with the body {body!r}")


@check(mend=_KIT + "error_rendering turns a RequestValidationError into InvalidRequest.")
async def wrong_values_are_422(subject: Subject) -> None:
    """
    A value of a wrong type is 422 INVALID_REQUEST, and details.problems names it.
    """
    async for operation, answer in _validating(subject):
        error = expect_error(answer, 422, "INVALID_REQUEST", on=f"{operation} with a wrong type")
        problems = items(mapping(error.get("details")).get("problems"))
        expect(
            bool(problems) and all({"field", "problem"} <= mapping(one).keys() for one in problems),
            seen=f"details {error.get('details')!r}",
            expected='details with {"problems": [{"field": "…", "problem": "…"}]}',
        )
        return
    raise NotApplicable("no operation is described whose values could be wrong")


@check(mend=_KIT + "BodyLimitMiddleware refuses a body by its Content-Length before it is read.")
async def body_told_too_large_is_413(subject: Subject) -> None:
    """
    A body whose length says that it is too large is 413 before it is sent.
    """
    headers = [*_JSON_HEADER, ("Content-Length", _HUGE_BYTES)]
    operation, answer = await _first_reader(subject, None, headers)
    expect_error(
        answer, 413, "INVALID_REQUEST", on=f"{operation} with Content-Length: {_HUGE_BYTES}"
    )


@check(
    mend=_KIT + "BodyLimitMiddleware counts what comes where no length was told. "
    "If MAX_BODY_BYTES is not its default, tell the suite by Target(max_body_bytes=...)."
)
async def body_grown_too_large_is_413(subject: Subject) -> None:
    """
    A body that comes in chunks is 413 as soon as it is over the bound.
    """
    size = subject.target.max_body_bytes + 1
    # Without the closing chunk: the service must answer by what it has seen.
    body = f"{size:x}\r\n".encode() + b" " * size + b"\r\n"
    headers = [*_JSON_HEADER, ("Transfer-Encoding", "chunked")]
    operation, answer = await _first_reader(subject, body, headers)
    expect_error(answer, 413, "INVALID_REQUEST", on=f"{operation} with {size} bytes in chunks")


async def _first_reader(
    subject: Subject, body: bytes | None, headers: Headers
) -> tuple[Operation, Answer]:
    async for found in _reading(subject, body, headers):
        return found
    raise NotApplicable(_NO_READER)


async def _reading(
    subject: Subject, body: bytes | None, headers: Headers
) -> AsyncIterator[tuple[Operation, Answer]]:
    """
    The operations that read a JSON object and do not refuse the caller, each with its answer.
    """
    for operation in (await subject.description()).readers:
        answer = await subject.ask(
            operation.method, operation.path(), headers=headers, body=body, is_signed_in=True
        )
        if answer.status not in {401, 403}:
            yield operation, answer


async def _validating(subject: Subject) -> AsyncIterator[tuple[Operation, Answer]]:
    """
    The operations that were sent a value of a wrong type, each with its answer.
    """
    async for found in _reading(subject, b"[]", _JSON_HEADER):
        yield found
    for operation in (await subject.description()).reads:
        for parameter in operation.parameters:
            if parameter.kind != "integer":
                continue
            path = operation.path({parameter.name: "many"})
            answer = await subject.ask("GET", path, is_signed_in=True)
            if answer.status not in {401, 403}:
                yield operation, answer

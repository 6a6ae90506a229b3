"""
Whether hostile input is refused rather than stumbled over, and errors keep the service's secrets.
"""

import re
from collections.abc import AsyncIterator
from typing import Final

import orjson

from servicekit.conformance.answers import expect_shape
from servicekit.conformance.check import check
from servicekit.conformance.description import JSON, Operation, mapping
from servicekit.conformance.subject import Subject, unknown_path
from servicekit.conformance.verdicts import expect
from servicekit.conformance.wire import Answer

#: What stands in answers of services that talk too much.
_SECRETS: Final = re.compile(
    r"Traceback|File \"|\.py\b|line \d+, in|site-packages|sqlalchemy|sqlite3?\.|asyncpg|psycopg"
    r"|SELECT .+ FROM|INSERT INTO|https?://(?:\d|localhost|[a-z-]+:\d)|object at 0x|java\.lang"
    r"|node_modules|/home/|/usr/",
    re.IGNORECASE,
)
#: Encoded values: what ends strings in C, overflows databases' integers, or is no UTF-8.
_VALUES: Final = ("%00", "%FF", str(10**30), "-1", "%F0%9F%A6%8A", "x" * 3000, "..%2F..", "%27")
_MAX_OPERATIONS: Final = 20
_JSON_HEADER: Final = [("Content-Type", JSON)]


@check(
    mend="Give parameters and fields bounds (ge, le, max_length, pattern) that your storage can "
    "hold, and translate your libraries' errors at their seam; the service's log names the crash."
)
async def no_input_crashes_it(subject: Subject) -> None:
    """
    No value, however odd, makes the service answer with a 5xx.
    """
    async for on, answer in _provoked(subject):
        expect(
            answer.status < 500 or answer.status == 503,
            seen=f"{on} answers {answer}",
            expected="an answer below 500",
        )


@check(
    mend="Raise errors of servicekit.errors, whose messages are made of facts for the client, "
    "and never put str(exception), a path or an internal address into one."
)
async def errors_tell_no_secrets(subject: Subject) -> None:
    """
    No error shows a traceback, a query, a file or an internal address, and each has our shape.
    """
    async for on, answer in _provoked(subject):
        if answer.status < 400:
            continue
        expect_shape(answer, on=on)
        found = _SECRETS.search(answer.text)
        expect(
            found is None,
            seen=f"{found.group() if found else ''!r} where {on} answers {answer}",
            expected="an error that shows nothing of the service's inside",
        )


async def _provoked(subject: Subject) -> AsyncIterator[tuple[str, Answer]]:
    """
    What was sent, and what came back.
    """
    for path in (unknown_path() + "/%00%FF", "/..%2F..%2Fetc%2Fpasswd", "/" + "x" * 4000):
        yield f"GET {path[:40]}", await subject.ask("GET", path)
    description = await subject.description()
    for operation in description.reads[:_MAX_OPERATIONS]:
        for name, value in _odd_parameters(operation):
            answer = await subject.ask("GET", operation.path({name: value}), is_signed_in=True)
            yield f"{operation} with {name}={value[:40]}", answer
    for operation in description.readers[:_MAX_OPERATIONS]:
        for body in _odd_bodies(operation):
            answer = await subject.ask(
                operation.method,
                operation.path(),
                headers=_JSON_HEADER,
                body=body,
                is_signed_in=True,
            )
            yield f"{operation} with the body {body[:40]!r}", answer


def _odd_parameters(operation: Operation) -> list[tuple[str, str]]:
    return [(one.name, value) for one in operation.parameters for value in _VALUES]


def _odd_bodies(operation: Operation) -> list[bytes]:
    """
    Bodies that parsers and storages have stumbled over; none of them is complete.
    """
    names = list(mapping((operation.body_schema or {}).get("properties")))
    first = orjson.dumps(names[0] if names else "name")
    return [
        b"[" * 50_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"{" + first + b": NaN}",
        b"{" + first + b": 1e999}",
        b"{" + first + b": " + b"9" * 5_000 + b"}",
        b"{" + first + rb': "\ud800"}',
        b"{" + first + rb': "\u0000"}',
        rb'{"\ud800": 1}',
        b"\x00",
        b"",
    ]

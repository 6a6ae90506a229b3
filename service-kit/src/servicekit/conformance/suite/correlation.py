"""
Whether what belongs to one request can be found again by its ids.
"""

import secrets
from typing import Final

from servicekit.conformance.answers import (
    CORRELATION,
    CORRELATION_FORM,
    TRACE,
    TRACE_FORM,
    object_of,
    one_header,
)
from servicekit.conformance.check import check
from servicekit.conformance.subject import Subject, unknown_path
from servicekit.conformance.verdicts import expect

_MIDDLEWARE: Final = (
    "Build the application by create_service(), or put CorrelationMiddleware outermost: "
)
_PATH: Final = "/health/live"


@check(mend=_MIDDLEWARE + "it puts the id on every answer.")
async def correlation_id_is_echoed(subject: Subject) -> None:
    """
    An X-Correlation-ID of the right form comes back as it was, on good answers and on errors.
    """
    for sent in (secrets.token_hex(16), "A.b_c-9", "x" * 128):
        for path in (_PATH, unknown_path()):
            answer = await subject.ask("GET", path, headers=[(CORRELATION, sent)])
            got = one_header(answer, CORRELATION, on=f"GET {path}")
            expect(got == sent, seen=f"{got!r} on {answer.status}", expected=repr(sent))


@check(mend=_MIDDLEWARE + "it makes an id where none was sent.")
async def correlation_id_is_made(subject: Subject) -> None:
    """
    A request without a correlation id gets one of its own.
    """
    answers = [await subject.ask("GET", _PATH) for _ in range(2)]
    first, second = (one_header(answer, CORRELATION, on=f"GET {_PATH}") for answer in answers)
    expect(
        first != second and all(map(CORRELATION_FORM.fullmatch, (first, second))),
        seen=f"{first!r} and {second!r}",
        expected="two different ids of 1-128 letters, digits, dots, underscores and hyphens",
    )


@check(mend=_MIDDLEWARE + "it lets nobody write whatever they like into logs and headers.")
async def malformed_correlation_id_is_replaced(subject: Subject) -> None:
    """
    A correlation id out of its form, or sent twice, is replaced by a new one.
    """
    faulty = [[value] for value in ("x" * 129, "a b", "a;b", "<script>", "ä", "")]
    for values in [*faulty, ["one", "two"]]:
        headers = [(CORRELATION, value) for value in values]
        answer = await subject.ask("GET", _PATH, headers=headers)
        got = one_header(answer, CORRELATION, on=f"{CORRELATION}: {values}")
        expect(
            got not in values and CORRELATION_FORM.fullmatch(got) is not None,
            seen=f"{got!r} where {values} was sent",
            expected="a new id",
        )


@check(mend="Render every error by servicekit.error_rendering.render(), which fills request_id.")
async def errors_quote_the_correlation_id(subject: Subject) -> None:
    """
    An error's request_id is the correlation id of its request.
    """
    sent = secrets.token_hex(16)
    answer = await subject.ask("GET", unknown_path(), headers=[(CORRELATION, sent)])
    got = object_of(answer).get("request_id")
    expect(got == sent, seen=f"request_id {got!r}", expected=repr(sent))


@check(mend=_MIDDLEWARE + "it continues the trace of a traceparent header.")
async def traceparent_is_continued(subject: Subject) -> None:
    """
    X-Trace-ID answers with the trace id of the traceparent that was sent.
    """
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    for path in (_PATH, unknown_path()):
        answer = await subject.ask(
            "GET", path, headers=[("traceparent", f"00-{trace_id}-{span_id}-01")]
        )
        got = one_header(answer, TRACE, on=f"GET {path}")
        expect(got == trace_id, seen=f"{TRACE} {got!r}", expected=repr(trace_id))


@check(mend=_MIDDLEWARE + "it starts a trace of its own where the header cannot be believed.")
async def invalid_traceparent_restarts_the_trace(subject: Subject) -> None:
    """
    A missing or malformed traceparent, as W3C Trace Context has it, starts a new trace.
    """
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    faulty = (
        None,
        "nonsense",
        f"ff-{trace_id}-{span_id}-01",
        f"00-{'0' * 32}-{span_id}-01",
        f"00-{trace_id}-{'0' * 16}-01",
        f"00-{trace_id.upper()}G-{span_id}-01",
        f"00-{trace_id}-{span_id}-01-more",
    )
    for sent in faulty:
        headers = [] if sent is None else [("traceparent", sent)]
        answer = await subject.ask("GET", _PATH, headers=headers)
        got = one_header(answer, TRACE, on=f"traceparent {sent!r}")
        expect(
            TRACE_FORM.fullmatch(got) is not None and got != trace_id,
            seen=f"{TRACE} {got!r} where traceparent was {sent!r}",
            expected="a new trace id of 32 hex digits",
        )

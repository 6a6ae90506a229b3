"""
Whether every error has the one shape, wherever it comes from.

That a crash has it too cannot be seen from outside, since a good service has
none to show: ``no_input_crashes_it`` looks for one.
"""

from typing import Final

from servicekit.conformance.answers import expect_error, object_of, one_header
from servicekit.conformance.check import check
from servicekit.conformance.description import METHODS
from servicekit.conformance.subject import Subject, unknown_path
from servicekit.conformance.verdicts import expect

_RENDERING: Final = (
    "Build the application by create_service(), and let servicekit.error_rendering answer: "
)
_PROBLEM: Final = "application/problem+json"
_MAX_ADDRESSES: Final = 30


@check(mend=_RENDERING + "it turns the framework's own 404 into ours.")
async def unknown_address_is_404(subject: Subject) -> None:
    """
    An address that nobody serves is 404 NOT_FOUND, with any method.
    """
    for method in ("GET", "POST", "DELETE"):
        answer = await subject.ask(method, unknown_path())
        expect_error(answer, 404, "NOT_FOUND", on=f"{method} at an unknown address")


@check(mend=_RENDERING + "it names in Allow every method that some route serves there.")
async def wrong_method_is_405(subject: Subject) -> None:
    """
    A method that an address does not have is 405, and Allow names those that it has.
    """
    description = await subject.description()
    paths = sorted({o.path().partition("?")[0] for o in description.operations})
    for path in paths[:_MAX_ADDRESSES]:
        described = description.methods_at(path)
        # HEAD and OPTIONS may be served beside what is described.
        wrong = [method for method in METHODS if method not in described | {"HEAD", "OPTIONS"}]
        if wrong:
            await _expect_405(subject, wrong[-1], path, described)


async def _expect_405(subject: Subject, method: str, path: str, described: set[str]) -> None:
    answer = await subject.ask(method, path, is_signed_in=True)
    on = f"{method} {path}"
    expect_error(answer, 405, "METHOD_NOT_ALLOWED", on=on)
    allowed = {one.strip() for one in one_header(answer, "Allow", on=on).split(",")}
    expect(
        allowed >= described and method not in allowed,
        seen=f"{on} answers with Allow: {', '.join(sorted(allowed))}",
        expected=f"Allow: {', '.join(sorted(described))}",
    )


@check(mend=_RENDERING + "a client that accepts application/problem+json gets that form.")
async def problem_json_is_given_where_asked(subject: Subject) -> None:
    """
    A client that asks for application/problem+json gets the same facts as RFC 9457 has them.
    """
    answer = await subject.ask("GET", unknown_path(), headers=[("Accept", _PROBLEM)])
    expected = f"404 as {_PROBLEM} with type, title, status, detail, code and request_id"
    expect(answer.status == 404 and answer.media_type == _PROBLEM, seen=answer, expected=expected)
    problem = object_of(answer)
    is_whole = {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
    is_same = problem.get("status") == 404 and problem.get("code") == "NOT_FOUND"
    expect(is_whole and is_same, seen=answer, expected=expected)

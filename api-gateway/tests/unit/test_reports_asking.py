"""
How reports are asked for: for which time, and in which form.
"""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.reports.errors import NotAcceptable
from gateway.reports.forms import Form, form_of
from gateway.reports.period import MAX_DAYS, Moment, span_of
from servicekit.errors import InvalidRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], "json"),
        ([""], "json"),
        (["*/*"], "json"),
        (["application/json"], "json"),
        (["application/problem+json"], "json"),
        (["text/csv"], "csv"),
        (["TEXT/CSV; header=present"], "csv"),
        (["text/*"], "csv"),
        (["text/csv, application/json"], "json"),
        (["text/csv, application/json;q=0.9"], "csv"),
        (["text/csv;q=0.5", "application/*;q=0.6"], "json"),
        (["text/csv, */*;q=0.1"], "csv"),
        (["application/json;q=0, */*"], "json"),
        (["application/*;q=0, */*;q=0.1"], "csv"),
    ],
)
def test_form_by_accept(accept: list[str], form: Form) -> None:
    """
    The form is the one that the client likes best, and JSON where it likes both alike.
    """
    assert form_of(None, accept) == form


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "text/csv;q=0", "*/*;q=0", "text/csv;q=x"]
)
def test_no_form(accept: str) -> None:
    """
    A client that takes neither is told which there are.
    """
    with pytest.raises(NotAcceptable) as refusal:
        form_of(None, [accept])

    assert refusal.value.details["forms"] == ["application/json", "text/csv"]


def test_form_by_address() -> None:
    """
    What the address says counts more than what a browser takes.
    """
    assert form_of("csv", ["text/html"]) == "csv"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00.5z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T00:30:00+01:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    """
    A day is its beginning in UTC, and a moment is meant in its own zone.
    """
    assert MOMENT.validate_python(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "20260131",
        "2026-02-30",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T24:00:00Z",
        "\u0662026-01-31",
        "1969-12-31",
        "9999-01-01",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_no_moments(text: str) -> None:
    """
    What is no day and no moment with its zone, or far from any order, is refused.
    """
    with pytest.raises(ValidationError):
        MOMENT.validate_python(text)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOON, NOON),
        (NOON, datetime(2025, 12, 31, tzinfo=UTC)),
        (datetime(2026, 1, 2, tzinfo=UTC), None),
        (datetime(2015, 1, 1, tzinfo=UTC), None),
    ],
)
def test_no_spans(start: datetime, end: datetime | None) -> None:
    """
    A span that is empty, lies ahead or is longer than ten years is refused.
    """
    assert MAX_DAYS == 3_660
    with pytest.raises(InvalidRequest):
        span_of(start, end, now=NOON)


def test_the_first_span() -> None:
    """
    A span that ends in the first month that there is begins with it.
    """
    first = datetime(1970, 1, 1, tzinfo=UTC)

    assert span_of(None, datetime(1970, 1, 2, tzinfo=UTC), now=NOON).start == first

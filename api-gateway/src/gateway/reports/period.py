"""
Which time a report is about: from a day or a moment on, and before another.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from gateway.checkout.sales_models import Span
from servicekit.errors import InvalidRequest, Problem

DEFAULT_DAYS: Final = 30
#: Bounds a report that is made a row for each day.
MAX_DAYS: Final = 3_660

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not (_DAY.fullmatch(value) or _RFC_3339.fullmatch(value)):
        raise ValueError(
            "must be a day in UTC, such as 2026-01-31, or a moment with its zone, such as "
            "2026-01-31T12:00:00Z (a plus in an address is written %2B)"
        )
    try:
        read = datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError("there is no such day or moment") from None
    moment = read if read.tzinfo else read.replace(tzinfo=UTC)
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("must be between the years 1970 and 9997")
    return moment.astimezone(UTC)


#: A day in UTC, which is its beginning, or a moment as in RFC 3339; in UTC inside.
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
]


def span_of(start: datetime | None, end: datetime | None, *, now: datetime) -> Span:
    """
    What is meant, where either may be left out: until now, and the 30 days before; raises
    InvalidRequest.
    """
    end = end or now
    start = start or max(_EARLIEST, end - timedelta(days=DEFAULT_DAYS))
    if start >= end:
        raise _refused("must be before to, which is now where it is left out")
    if end - start > timedelta(days=MAX_DAYS):
        raise _refused(f"must be at most {MAX_DAYS} days before to")
    return Span(start, end)


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest("The query cannot be accepted.", problems=[Problem("query.from", why)])

"""
Moments in requests and answers: RFC 3339, with a zone, within years that both databases hold.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

#: The end of what has no end, so that "in force at t" is one comparison that an index serves.
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _as_text(value: object) -> object:
    # Pydantic would also take numbers, and guess their unit.
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("must be a moment with its zone, such as 2026-01-31T12:00:00Z")
    return value


def _within_bounds(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("must be between the years 1970 and 9997")
    return moment.astimezone(UTC)


def _drawn_into_bounds(moment: datetime) -> datetime:
    return max(_EARLIEST, min(moment, _LATEST)).astimezone(UTC)


_Text = Annotated[datetime, BeforeValidator(_as_text)]
#: A moment from outside that is kept, in UTC inside.
Moment = Annotated[_Text, AfterValidator(_within_bounds)]
#: A moment that is only asked about. Before and after the bounds nothing ever changes.
MomentAskedAbout = Annotated[_Text, AfterValidator(_drawn_into_bounds)]

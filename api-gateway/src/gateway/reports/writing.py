"""
Writes reports as JSON and as CSV, a piece for each batch of rows.

A report that is not written to its end is not whole in either form: of JSON the closing brackets are
missing, and of both the last piece of the answer (``reports.answers``).
"""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from msgspec import json
from msgspec.structs import astuple

from gateway.reports.models import Report

#: What a spreadsheet takes for the beginning of a formula, in either width (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
_PLAIN: Final = "'"

_encoder: Final = json.Encoder()
Pieces = AsyncGenerator[bytes, None]


async def as_json(report: Report) -> Pieces:
    """
    ``{..., "items": [...], ...}``: what is known before the rows, the rows, and what is known after.
    """
    since = {"completeSince": report.complete_since} if report.complete_since else {}
    before = _encoder.encode({**report.head, **since})[:-1] + b',"items":['
    async with aclosing(report.batches) as batches:
        async for batch in batches:
            yield before + b",".join(map(_encoder.encode, batch))
            before = b","
    opening = b"" if before == b"," else before
    tail = _encoder.encode(report.tail())[1:]
    yield opening + (b"]" if tail == b"}" else b"],") + tail


async def as_csv(report: Report) -> Pieces:
    """
    The names of the columns, and a line for each row, as in RFC 4180.
    """
    before = _lines([report.line.__struct_encode_fields__])
    async with aclosing(report.batches) as batches:
        async for batch in batches:
            yield before + _lines(map(astuple, batch))
            before = b""
    if before:
        yield before


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(_cell, row) for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case str():
            return _PLAIN + value if value.startswith(_FORMULA) else value
        case datetime():
            return _moment(value)
        case Mapping():
            return _encoder.encode(value).decode()
        case Sequence():
            # What has happened, one after the other.
            return "; ".join(f"{_moment(step.at)} {step.name}" for step in value)
        case _:
            return value


def _moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")

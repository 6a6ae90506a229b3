"""
The answer to whoever asks for a report: written while it is read.

Until the first piece is there, whatever goes wrong is answered as everywhere. Later it can only be
shown by ending the answer before its end: no client takes that for a whole one.
"""

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Send

from gateway.reports.forms import Form
from gateway.reports.models import Report
from gateway.reports.writing import Pieces, as_csv, as_json
from servicekit import deadline
from servicekit.errors import StorefrontError

_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8; header=present"}
_WRITERS: Final = {"json": as_json, "csv": as_csv}


class BrokenOff(Exception):
    """
    A report could not be read to its end, or not in its time, after its answer had begun.
    """

    def __init__(self, report: str) -> None:
        super().__init__(f"the report {report} was broken off")


class ReportAnswer(StreamingResponse):
    """
    A report in one of its forms, which is read as fast as its client takes it, until the deadline.
    """

    def __init__(self, report: Report, form: Form, *, at: datetime) -> None:
        self._name = report.name
        self._pieces: Pieces = _WRITERS[form](report)
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        if report.complete_since:
            headers["X-Complete-Since"] = report.complete_since
        if form == "csv":
            name = f"{report.name}-{at:%Y-%m-%d}.csv"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        super().__init__(self._pieces, headers=headers, media_type=_TYPES[form])

    async def stream_response(self, send: Send) -> None:
        """
        Write it, or raise: an error that can be answered, or later ``BrokenOff``.
        """
        async with aclosing(self._pieces) as pieces:
            first = await anext(pieces)
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            try:
                async with asyncio.timeout(deadline.remaining_s()):
                    await send(_piece(first))
                    async for piece in pieces:
                        await send(_piece(piece))
            except (StorefrontError, TimeoutError) as error:
                raise BrokenOff(self._name) from error
            await send({"type": "http.response.body", "body": b""})


def _piece(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}

"""
The line that every request ends in.
"""

import asyncio
import logging
from contextvars import Context
from functools import lru_cache
from typing import Any, Final, Literal

import orjson
import structlog
from structlog.typing import Processor

from servicekit import correlation, logs

_REQUEST: Final = "request"
#: Stands where a part of a line goes in, and nowhere else; and the same in JSON.
_GAP: Final = "\x00"
_WRITTEN_GAP: Final = r"\u0000"


class RequestLine:
    """
    Writes the line that every request ends in.

    As JSON it is put together from parts that are made once for each kind of request, in a tenth of the
    time that its way through structlog's steps would take; a test holds the two forms together.
    The lines of one turn of the event loop go out in one write.
    """

    def __init__(self) -> None:
        config = structlog.get_config()
        self._steps: list[Processor] = config["processors"]
        logger = structlog.get_logger().bind()
        #: By whether the line is a quiet one.
        self._is_written = [logger.is_enabled_for(level) for level in (logging.INFO, logging.DEBUG)]
        self._factory = config["logger_factory"]
        self._parts_of = lru_cache(maxsize=1024)(_parts)
        self._is_flush_due = False

    def write(
        self,
        ids: correlation.Correlation,
        *,
        method: str,
        route: str,
        status: int,
        duration_ms: float,
        principal: str,
        is_quiet: bool,
    ) -> None:
        """
        Write one line, unless lines of its level are not wanted.
        """
        if not self._is_written[is_quiet]:
            return
        facts = self._facts_of_json()
        if facts is None:
            kind = _kind(method, route, status, principal, ids.caller)
            self._write_by_steps(is_quiet, kind | {"duration_ms": round(duration_ms, 3)})
            return
        one, two, three, four, five = self._parts_of(
            facts, method, route, status, principal, ids.caller, is_quiet
        )
        line = (
            f"{one}{facts.timestamp()}{two}{ids.correlation_id}{three}{ids.trace_id}"
            f"{four}{duration_ms:.3f}{five}"
        )
        self._put(logs.mask(line.encode()))

    def _facts_of_json(self) -> logs.Facts | None:
        """
        The first step, if the only other one makes JSON. Tests put steps of their own in the list.
        """
        if len(self._steps) != 2 or self._steps[1] is not logs.render_json:
            return None
        facts = self._steps[0]
        return facts if isinstance(facts, logs.Facts) else None

    def _write_by_steps(self, is_quiet: bool, line: Any) -> None:  # noqa: ANN401, FBT001 - each step gives another type
        level = _level(is_quiet)
        try:
            for step in self._steps:
                line = step(None, level, line)
        except structlog.DropEvent:
            return
        self._factory().msg(line)

    def _put(self, line: bytes) -> None:
        output = self._factory.output
        output.write(line)
        if self._is_flush_due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            output.flush()
            return
        self._is_flush_due = True
        loop.call_soon(self._flush, context=Context())

    def _flush(self) -> None:
        self._is_flush_due = False
        self._factory.output.flush()


def _level(is_quiet: bool) -> Literal["debug", "info"]:  # noqa: FBT001 - one of two, looked up by it
    return "debug" if is_quiet else "info"


def _kind(
    method: str, route: str, status: int, principal: str, caller: str | None
) -> dict[str, Any]:
    """
    What lines of one kind of request have in common, around the place of the duration.
    """
    kind: dict[str, Any] = {
        "event": _REQUEST,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": _GAP,
        "principal": principal,
    }
    if caller is not None:
        # The service that says it asked: its word only, the principal is what counts.
        kind["caller"] = caller
    return kind


def _parts(  # noqa: PLR0917 - the key of a cache
    facts: logs.Facts,
    method: str,
    route: str,
    status: int,
    principal: str,
    caller: str | None,
    is_quiet: bool,  # noqa: FBT001 - as above
) -> list[str]:
    """
    A line of this kind, cut where the time, the ids and the duration stand.
    """
    ids = correlation.Correlation(_GAP, _GAP, "")
    kind = _kind(method, route, status, principal, caller)
    line = facts.first(_level(is_quiet), kind.pop("event"), ids) | kind
    text = orjson.dumps(line | {"timestamp": _GAP}, option=orjson.OPT_APPEND_NEWLINE).decode()
    before, after = text.rsplit(f'"{_WRITTEN_GAP}"', 1)
    return [*before.split(_WRITTEN_GAP), after]

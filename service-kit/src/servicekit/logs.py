"""
Structured logs: one event a line, JSON for machines or readable for people.

Each line carries the correlation and trace id of the request in progress.
Secrets never reach a line: fields with telling names are redacted, and what
looks like a token or an e-mail address is masked in the finished line, also
in messages and tracebacks of libraries.
"""

import asyncio
import logging
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, Final, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from servicekit import correlation

#: Compared without regard to case, "_" and "-": refresh_token, clientSecret, X-Api-Key.
_SECRET_ENDINGS: Final = (
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "email",
    "apikey",
    "privatekey",
)
#: Values with nothing inside.
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_REQUEST: Final = "request"
#: Stands where a part of a line goes in, and nowhere else; and the same in JSON.
_GAP: Final = "\x00"
_WRITTEN_GAP: Final = r"\u0000"
#: Writing out what is buffered is done for nobody in particular.
_NOWHERE: Final = Context()
_REDACTED: Final = "[redacted]"
#: What each branch of the mask cannot do without, beside "eyJ". As numbers: three times as fast.
_SPACE, _AT = b" @"
_MASK: Final = re.compile(
    rb"(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    rb"|eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}"
    rb"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+"
    rb"|(?<=://)[^/\s:@\"]*:[^/\s@\"]+@"
)


def configure(
    *, log_format: str, log_level: str, service: str, stream: TextIO | None = None
) -> None:
    """
    Send the logs of this process, those of libraries included, to ``stream`` (standard output).
    """
    stream = stream or sys.stdout
    level = logging.getLevelNamesMapping()[log_level]
    processors: list[Processor] = [Facts(service)]
    if log_format == "json":
        processors.append(render_json)
    else:
        # Richer tracebacks would show local variables, which hold what must not be logged.
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        processors += [renderer, mask_line]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Loggers(_Output(stream.buffer)),
        cache_logger_on_first_use=False,
    )
    _capture_libraries(level)


class _Output:
    """
    Where lines go, in the order in which they came: at once, or when it is flushed.

    Standard output is unbuffered in many containers, and a write for each request costs as much
    as the way through the service.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        # A deque, because other threads log, too: each of its steps is whole.
        self._lines: deque[bytes] = deque()

    def write(self, line: bytes) -> None:
        """
        Keep a line until the next flush.
        """
        self._lines.append(line)

    def flush(self) -> None:
        """
        Write out what is kept.
        """
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        if lines:
            left = memoryview(b"".join(lines))
            while left:
                # An unbuffered stream may take less than it is given.
                left = left[self._stream.write(left) :]
            self._stream.flush()


class _Loggers(structlog.BytesLoggerFactory):
    """
    Makes loggers that write to ``output``, and lets the request's line write to it as well.
    """

    __slots__ = ("output",)

    def __init__(self, output: _Output) -> None:
        super().__init__(cast("BinaryIO", output))
        self.output = output


def _capture_libraries(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(level, logging.INFO))
    # Its lines repeat ours: starts, stops and a request log of its own.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    for name in ("alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


class _ToStructlog(logging.Handler):
    """
    Hands a library's records over, so that they come out like our own.
    """

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


_render_exception: Final = structlog.processors.ExceptionRenderer()


class Facts:
    """
    The step that puts first in each line what people look for first: when, how grave, what, and whose.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.timestamp = _timestamps()

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """
        The line so far, with the facts before it.
        """
        level = "error" if method == "exception" else method
        facts = self.first(level, event.pop("event", None), correlation.current())
        facts.update(redacted(event))
        return facts

    def first(
        self, level: str, event: object, ids: correlation.Correlation | None
    ) -> dict[str, Any]:
        """
        What a line begins with.
        """
        facts: dict[str, Any] = {
            "timestamp": self.timestamp(),
            "level": level,
            "event": event,
            "service": self.service,
        }
        if ids is not None:
            facts["correlation_id"], facts["trace_id"] = ids[:2]
        return facts


def _timestamps() -> Callable[[], str]:
    """
    The time of day in UTC, to the microsecond; the date is written anew once a second only.
    """
    second, written = -1, ""

    def timestamp() -> str:
        nonlocal second, written
        nanoseconds = time.time_ns()
        now, rest = divmod(nanoseconds, 1_000_000_000)
        if now != second:
            written = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            second = now
        return f"{written}.{rest // 1000:06d}Z"

    return timestamp


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
        self._put(mask(line.encode()))

    def _facts_of_json(self) -> Facts | None:
        """
        The first step, if the only other one makes JSON. Tests put steps of their own in the list.
        """
        if len(self._steps) != 2 or self._steps[1] is not render_json:
            return None
        facts = self._steps[0]
        return facts if isinstance(facts, Facts) else None

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
        loop.call_soon(self._flush, context=_NOWHERE)

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
    facts: Facts,
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


def redacted(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    The fields, without the values of those whose names tell that they are secret.
    """
    # Nearly every line: names that were all looked at before, and values with nothing inside.
    if _PLAIN.issuperset(map(type, fields.values())) and not _has_secrets(tuple(fields)):
        return fields
    return {
        name: _REDACTED
        if _is_secret(name)
        else value
        if type(value) in _PLAIN
        else _redacted_value(value)
        for name, value in fields.items()
    }


def _redacted_value(value: Any) -> Any:  # noqa: ANN401 - whatever somebody logs
    if isinstance(value, Mapping):
        return redacted(value)
    if isinstance(value, list | tuple):
        return [_redacted_value(one) for one in value]
    return value


@lru_cache(maxsize=1024)
def _has_secrets(names: tuple[object, ...]) -> bool:
    return any(map(_is_secret, names))


@lru_cache(maxsize=1024)
def _is_secret(name: object) -> bool:
    folded = name.lower().replace("_", "").replace("-", "") if isinstance(name, str) else ""
    return folded.endswith(_SECRET_ENDINGS)


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """
    The finished line, masked.
    """
    if "exc_info" in event:
        event = _render_exception(_logger, _method, event)
    try:
        line = orjson.dumps(event, default=str)
    except TypeError:
        line = _odd_line(event)
    return mask(line)


def _odd_line(event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # A number beyond 64 bits or broken text must not cost the line it stands in.
        return orjson.dumps({str(name): ascii(value) for name, value in event.items()})


def mask_line(_logger: WrappedLogger, _method: str, line: Any) -> bytes:  # noqa: ANN401 - structlog's own type
    """
    The readable line as bytes, masked.
    """
    return mask(str(line).encode(errors="backslashreplace"))


def mask(line: bytes) -> bytes:
    """
    Cover tokens, e-mail addresses and passwords in URLs wherever they stand in a line.
    """
    # The search costs microseconds; most lines have none of its marks and are spared it.
    if _SPACE in line or _AT in line or b"eyJ" in line:
        return _MASK.sub(_REDACTED.encode(), line)
    return line

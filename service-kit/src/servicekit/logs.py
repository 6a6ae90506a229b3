"""
Structured logs: one event a line, JSON for machines or readable for people.

Each line carries the correlation and trace id of the request in progress.
Secrets never reach a line: fields with telling names are redacted, and what
looks like a token or an e-mail address is masked in the finished line, also
in messages and tracebacks of libraries.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from servicekit import correlation
from servicekit.log_output import Loggers, Output

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
        logger_factory=Loggers(Output(stream.buffer)),
        cache_logger_on_first_use=False,
    )
    _capture_libraries(level)


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
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )
        except Exception:  # noqa: BLE001 - as logging's own handlers: no line ends who logs it
            self.handleError(record)


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

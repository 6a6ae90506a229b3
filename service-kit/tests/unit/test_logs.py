"""
What a log line holds, and what it never does.
"""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog

from servicekit import correlation, logs
from servicekit.serving.request_line import RequestLine


class Output(io.TextIOWrapper):
    """
    Standard output that a test can read back.
    """

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="utf-8", write_through=True)

    def lines(self) -> list[str]:
        """
        The lines so far.
        """
        return self.bytes.getvalue().decode().splitlines()

    def events(self) -> list[dict[str, Any]]:
        """
        The lines so far, as JSON.
        """
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def output() -> Iterator[Output]:
    """
    Where the lines of one test go; logging is as it was afterwards.
    """
    stream = Output()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    former = structlog.get_config()
    yield stream
    structlog.configure(**former)
    root.handlers[:], root.level = handlers, level


def configure(output: Output, log_format: str = "json", log_level: str = "INFO") -> None:
    """
    As a service's start does it.
    """
    logs.configure(log_format=log_format, log_level=log_level, service="sample", stream=output)


def test_a_line_is_one_json_object(output: Output) -> None:
    """
    An event is one line of JSON with its time, level, service and fields.
    """
    configure(output)

    structlog.get_logger().info("stock.counted", shelf="a\nb", units=3)

    (event,) = output.events()
    assert event["event"] == "stock.counted"
    assert (event["level"], event["service"]) == ("info", "sample")
    assert (event["shelf"], event["units"]) == ("a\nb", 3)
    assert event["timestamp"].endswith("Z")


def test_a_line_belongs_to_its_request(output: Output) -> None:
    """
    Within a request, each line names its correlation and trace id.
    """
    configure(output)
    ids = correlation.new("order-1")

    with correlation.correlated(ids):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")

    inside, outside = output.events()
    assert (inside["correlation_id"], inside["trace_id"]) == ("order-1", ids.trace_id)
    assert "correlation_id" not in outside


def test_lines_below_the_level_are_not_written(output: Output) -> None:
    """
    The level holds for our own events and for libraries'.
    """
    configure(output, log_level="WARNING")

    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")

    assert output.lines() == []


def test_libraries_log_in_the_same_form(output: Output) -> None:
    """
    What a library logs by the standard module comes out like our own events.
    """
    configure(output)

    logging.getLogger("some.library").warning("pool of %d is full", 5)

    (event,) = output.events()
    assert (event["event"], event["logger"]) == ("pool of 5 is full", "some.library")


@pytest.mark.parametrize("log_format", ["json", "readable"])
def test_secrets_never_reach_a_line(log_format: str, output: Output) -> None:
    """
    Neither fields with telling names nor tokens, addresses and URLs' passwords in text get out.
    """
    configure(output, log_format)
    jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1LTEifQ.c2lnbmF0dXJl"

    structlog.get_logger().info(
        "auth.sign_in",
        password="correct horse",
        refresh_token="r-123",
        headers={"Authorization": "Token t-789"},
        items=[{"clientSecret": "c-246"}],
        nested={"client_secret": "s-456", "harmless": "kept"},
        header=f"Authorization: Bearer {jwt}",
        note="ask jo.doe+shop@example.com",
        url="postgresql://shop:hunter2@db/shop",
    )

    (line,) = output.lines()
    for secret in (
        "correct horse",
        "r-123",
        "s-456",
        "t-789",
        "c-246",
        jwt,
        "example.com",
        "hunter2",
    ):
        assert secret not in line
    assert "kept" in line


@pytest.mark.parametrize("log_format", ["json", "readable"])
def test_secrets_in_a_traceback_are_masked(log_format: str, output: Output) -> None:
    """
    A crash's traceback is logged, without what looks like a secret in it.
    """
    configure(output, log_format)

    try:
        int("jo@example.com")
    except ValueError:
        structlog.get_logger().exception("request.crashed")

    text = "\n".join(output.lines())
    assert "ValueError" in text
    assert "jo@example.com" not in text


def test_values_that_json_cannot_hold_are_written_as_text(output: Output) -> None:
    """
    A strange value never costs the line it stands in.
    """
    configure(output)

    structlog.get_logger().info("odd", value=object, bytes=b"\xff", number=2**80)

    assert "odd" in output.events()[0]["event"]


def write_line(ids: correlation.Correlation, *, is_quiet: bool = False) -> None:
    """
    The line of one request, in the request's own context.
    """
    with correlation.correlated(ids):
        RequestLine().write(
            ids,
            method="GET",
            route="/x",
            status=200,
            duration_ms=1.23456,
            principal="user",
            is_quiet=is_quiet,
        )


def test_the_frequent_line_is_like_any_other(output: Output) -> None:
    """
    The short way to a line says the same, in the same order, as structlog's own loggers.
    """
    configure(output)
    ids = correlation.continued("order-1", None, "inventory-service")

    write_line(ids)
    with correlation.correlated(ids):
        structlog.get_logger().info(
            "request",
            method="GET",
            route="/x",
            status=200,
            duration_ms=1.235,
            principal="user",
            caller="inventory-service",
        )

    short, long = output.events()
    assert list(short) == list(long)
    assert {**short, "timestamp": ""} == {**long, "timestamp": ""}
    assert short["duration_ms"] == 1.235


@pytest.mark.parametrize("log_format", ["json", "readable"])
def test_the_frequent_line_is_masked_and_has_its_level(log_format: str, output: Output) -> None:
    """
    A token that came as a correlation id reaches no log, and a probe's line is for debugging.
    """
    configure(output, log_format)

    write_line(correlation.new("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln"))
    write_line(correlation.new("probe-1"), is_quiet=True)

    (text,) = output.lines()
    assert "/x" in text
    assert "eyJ" not in text


@pytest.mark.usefixtures("output")  # which puts logging back as it was
async def test_lines_of_one_turn_go_out_in_one_write() -> None:
    """
    Nothing is written out until the turn of the event loop is over, and then all of it, in order.
    """
    raw = _Writes()
    stream = io.TextIOWrapper(io.BufferedWriter(raw))
    logs.configure(log_format="json", log_level="INFO", service="sample", stream=stream)
    line_of = RequestLine()

    for name in ("a", "b", "c"):
        line_of.write(
            correlation.new(name),
            method="GET",
            route="/x",
            status=200,
            duration_ms=1,
            principal="user",
            is_quiet=False,
        )
    before = list(raw.written)
    await asyncio.sleep(0)

    assert before == []
    assert len(raw.written) == 1
    written = [json.loads(line)["correlation_id"] for line in raw.written[0].splitlines()]
    assert written == ["a", "b", "c"]


class _Trouble(io.RawIOBase):
    """
    A stream that fails, or takes nothing, until told otherwise; and never much at once.
    """

    def __init__(self, trouble: OSError | None) -> None:
        self.trouble = trouble
        self.is_in_trouble = True
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int | None:  # noqa: ANN401 - any buffer
        if self.is_in_trouble and self.trouble is not None:
            raise self.trouble
        if self.is_in_trouble:
            return None
        self.written += bytes(content[:7])
        return min(7, len(content))


@pytest.mark.usefixtures("output")
@pytest.mark.parametrize("trouble", [BrokenPipeError(), OSError(28, "No space left"), None])
def test_trouble_with_the_stream_reaches_nobody(trouble: OSError | None) -> None:
    """
    A reader that is gone, a full disk and a pipe that is full cost lines, which are counted, and nothing else.
    """
    raw = _Trouble(trouble)
    stream = io.TextIOWrapper(cast("Any", raw), write_through=True)
    logs.configure(log_format="json", log_level="INFO", service="sample", stream=stream)

    write_line(correlation.new("lost-1"))
    structlog.get_logger().warning("lost.too")
    raw.is_in_trouble = False
    write_line(correlation.new("kept-1"))

    told, kept = [json.loads(line) for line in raw.written.splitlines()]
    assert told == {"event": "log.lines_left_out", "lines": 2}
    assert kept["correlation_id"] == "kept-1"


class _Writes(io.RawIOBase):
    """
    Keeps each write by itself.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - any buffer
        self.written.append(bytes(content))
        return len(content)


def test_the_frequent_line_is_seen_by_tests() -> None:
    """
    What structlog captures holds these lines too, and nothing is written then.
    """
    with structlog.testing.capture_logs() as captured:
        write_line(correlation.new("order-1"))

    assert captured == [
        {
            "event": "request",
            "method": "GET",
            "route": "/x",
            "status": 200,
            "duration_ms": 1.235,
            "principal": "user",
            "log_level": "info",
        }
    ]


def test_what_has_other_keys_than_text_is_written(output: Output) -> None:
    """
    A mapping by number is no reason to lose a line.
    """
    configure(output)

    structlog.get_logger().info("counted", by_day={1: 2})

    assert output.events()[0]["by_day"] == {"1": 2}


@pytest.mark.parametrize("secret", ["basic dXNlcjpwYXNzd29yZA==", "BEARER abcdefgh12345"])
def test_schemes_are_masked_however_they_are_written(secret: str, output: Output) -> None:
    """
    The quick look for what may need masking overlooks no branch of the mask.
    """
    configure(output)

    structlog.get_logger().info("odd", note=secret)

    assert secret.split()[1] not in output.lines()[0]

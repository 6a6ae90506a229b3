"""
Many products at once: one bulk-check of 100 beside 100 single reads, and a crowd on one page.

The client is a few sockets that block, on the other core: next to nothing of a time is its own.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from bench.gateway.backends import StubBackends, stubs
from bench.gateway.subjects import OURS, gateways
from bench.load import OTHER_CORE, on_core
from bench.results import Table

IDS: Final = [f"TEST-{1 + number * 7919 % 1000:03}" for number in range(100)]
VIEWERS: Final = 200
TIMES: Final = 100
_TIMEOUT_S: Final = 10.0


class Line:
    """
    One connection, kept open.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), _TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> None:
        """
        Send a request.
        """
        self._socket.sendall(request)

    def await_answer(self) -> None:
        """
        Read the whole answer; any but 200 ends the measurement.
        """
        answer = b""
        while not _is_whole(answer):
            more = self._socket.recv(1 << 20)
            if not more:
                raise SystemExit("the gateway closed a connection")
            answer += more
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"not the answer to measure:\n{answer.decode()}")

    def close(self) -> None:
        """
        Hang up.
        """
        self._socket.close()


Way = Callable[[Sequence[Line]], None]


def measure() -> Table:
    """
    Median times and calls of each way to read many products.
    """
    get = [_get(f"/api/v1/products/{id_}") for id_ in IDS]
    page = [_get("/api/v1/products?size=20")] * VIEWERS
    ways: dict[str, Way] = {
        "one bulk-check of 100": lambda lines: _in_turn(lines[0], [_bulk_check()]),
        "100 single reads at once": lambda lines: _at_once(lines, get),
        "100 single reads in turn": lambda lines: _in_turn(lines[0], get),
        "200 views of one page of 20 at once": lambda lines: _at_once(lines, page),
    }
    with stubs() as backends, gateways(backends, OURS) as subjects, on_core(OTHER_CORE):
        url = subjects.programs[OURS].url
        rows = {name: _taken(way, url, backends) for name, way in ways.items()}
    return Table(rows, ("Times are medians until the last answer is there.",))


@contextmanager
def _lines(url: str, count: int) -> Iterator[list[Line]]:
    with ExitStack() as stack:
        lines = [Line(url) for _ in range(count)]
        for line in lines:
            stack.callback(line.close)
        yield lines


def _taken(way: Way, url: str, backends: StubBackends) -> dict[str, float]:
    # Lines of its own: those of another would have been idle for longer than servers bear.
    with _lines(url, VIEWERS) as lines:
        for _ in range(TIMES // 5):
            way(lines)
        calls, took_ms = backends.calls(), []
        for _ in range(TIMES):
            began_at = time.perf_counter()
            way(lines)
            took_ms.append((time.perf_counter() - began_at) * 1000)
    return {"p50, ms": median(took_ms), "upstream calls": (backends.calls() - calls) / TIMES}


def _in_turn(line: Line, requests: Sequence[bytes]) -> None:
    for request in requests:
        line.ask(request)
        line.await_answer()


def _at_once(lines: Sequence[Line], requests: Sequence[bytes]) -> None:
    asked = list(zip(lines, requests, strict=False))
    for line, request in asked:
        line.ask(request)
    for line, _ in asked:
        line.await_answer()


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def _bulk_check() -> bytes:
    body = json.dumps({"productIds": IDS}).encode()
    head = (
        "POST /api/v1/products/bulk-check HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)

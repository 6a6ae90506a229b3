"""
What spans are sent to may be no collector at all: how its answers are taken, over real sockets.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from certificates import self_signed

from servicekit.tracing.otlp import Otlp, Recorded

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#: No answer of a test is longer, and no buffer between two sockets is as large.
MANY_BYTES = 200_000_000


class Server:
    """
    Answers each connection by ``answer``, which may be rude.
    """

    def __init__(
        self, answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads: list[str] = []

    def serve(self) -> None:
        """
        Until it is closed.
        """
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                if not self._serve_one(connection):
                    return

    def close(self) -> None:
        """
        No more connections.
        """
        socket.create_connection(self._listener.getsockname()).close()

    def _serve_one(self, plain: socket.socket) -> bool:
        if not plain.recv(1, socket.MSG_PEEK):
            return False
        connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        with connection, connection.makefile("rb") as reader:
            head = "".join(iter(lambda: reader.readline().decode().lower(), "\r\n"))
            reader.read(int(head.partition("content-length: ")[2].split()[0]))
            self.heads.append(head)
            self._answer(connection)
        return True


@contextmanager
def serving(
    answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """
    A server that listens while inside.
    """
    server = Server(answer, tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
        server._listener.close()


def is_taken(url: str, *, timeout_s: float = 30.0) -> bool:
    """
    Whether a span that is sent there counts as sent.
    """
    otlp = Otlp.to(url, service="test", version="1", timeout_s=timeout_s)
    try:
        return otlp.deliver([Recorded("x", "internal", {}, "1" * 32, "2" * 16, None)])
    finally:
        otlp.close()


def test_an_answer_without_an_end_is_not_read() -> None:
    """
    Whatever follows an answer's head takes neither memory nor time.
    """
    written = 0

    def answer(connection: socket.socket) -> None:
        nonlocal written
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while written < MANY_BYTES:
            written += connection.send(b"x" * 1_000_000)

    with serving(answer) as server:
        assert is_taken(server.url)

    assert written < MANY_BYTES


def test_a_head_without_an_end_is_no_answer() -> None:
    """
    Nor is more than some KiB kept of the head itself.
    """
    written = 0

    def answer(connection: socket.socket) -> None:
        nonlocal written
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while written < MANY_BYTES:
            written += connection.send(b"x: y\r\n" * 100_000)

    with serving(answer) as server:
        assert not is_taken(server.url)

    assert written < MANY_BYTES


def test_who_drips_is_not_waited_for() -> None:
    """
    A delivery's time is one for all of the answer, and not for each piece of it.
    """

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drips: ")
        for _ in range(500):
            connection.sendall(b"x")
            time.sleep(0.01)
        connection.sendall(b"\r\n\r\n")

    with serving(answer) as server:
        assert not is_taken(server.url, timeout_s=0.2)


@pytest.mark.parametrize("status", [302, 304, 307, 308, 400, 404, 500])
def test_only_a_success_counts_as_sent(status: int) -> None:
    """
    Spans that are sent elsewhere are with nobody: nobody goes there.
    """

    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status} X\r\nLocation: {server.url}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    with serving(answer) as server:
        assert not is_taken(server.url)

    assert len(server.heads) == 1


@pytest.mark.parametrize("said", [b"", b"220 smtp.example ESMTP\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n"])
def test_what_is_not_http_is_no_success(said: bytes) -> None:
    """
    Whoever listens there may be of another kind, or say nothing.
    """
    with serving(lambda connection: connection.sendall(said)) as server:
        assert not is_taken(server.url, timeout_s=0.2)


def test_who_is_not_ready_is_asked_again() -> None:
    """
    Within a delivery's time, when it says so.
    """
    answers = iter([b"HTTP/1.1 503 Soon\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", OK])

    with serving(lambda connection: connection.sendall(next(answers))) as server:
        assert is_taken(server.url)

    assert len(server.heads) == 2


def test_the_exporters_own_variables_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whom to trust, and what to show; who is not to be trusted gets nothing.
    """
    certificate, tls = self_signed(tmp_path, "127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20me")

    with serving(lambda connection: connection.sendall(OK), tls) as server:
        is_taken_by_a_stranger = is_taken(server.url, timeout_s=0.2)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate))
        is_taken_by_a_friend = is_taken(server.url)

    assert (is_taken_by_a_stranger, is_taken_by_a_friend) == (False, True)
    (head,) = server.heads
    assert head.startswith("post /v1/traces http/1.1\r\n")
    assert "authorization: bearer me\r\n" in head


def test_trust_that_cannot_be_read_leaves_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing is sent, and the collector is let go.
    """
    _, tls = self_signed(tmp_path, "127.0.0.1")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text("of no form")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(trusted))

    with serving(lambda connection: connection.sendall(OK), tls) as server:
        assert not is_taken(server.url, timeout_s=0.2)

    assert server.heads == []

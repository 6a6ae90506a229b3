"""
Applications that are served for tests as production serves them.
"""

import asyncio
import signal
import sys

import pytest
from starlette.types import Receive, Scope, Send

from servicekit.testing import serve, serve_process
from servicekit.testing.polling import unused_port

SERVICE = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == os.environ.get("READY", "/health/ready") else 404)
        self.end_headers()
def leave(*_):
    print("leaving in order", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
print("hello from", os.environ["SERVICE_PORT"], flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["SERVICE_PORT"])), Handler).serve_forever()
"""
ARGV = [sys.executable, "-S", "-c", SERVICE]


class Echo:
    """
    An application that answers with its path, and notes its start and its end.
    """

    def __init__(self, *, refuses: bool = False) -> None:
        self.story: list[str] = []
        self._refuses = refuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["path"].encode()})
            return
        await receive()
        if self._refuses:
            await send({"type": "lifespan.startup.failed", "message": "no"})
            return
        self.story.append("started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.story.append("ended")
        await send({"type": "lifespan.shutdown.complete"})


async def _get(url: str, path: str) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_application_is_served_with_its_lifespan() -> None:
    """
    It starts before the first request, answers over a real connection, and ends with the block.
    """
    app = Echo()

    async with serve(app) as url:
        answer = await _get(url, "/echoed")
        assert app.story == ["started"]

    assert b"/echoed" in answer
    assert app.story == ["started", "ended"]
    with pytest.raises(OSError, match="onnect"):
        await _get(url, "/")


async def test_application_that_refuses_to_start_is_told() -> None:
    """
    Where the start fails there is no address, but an error.
    """
    with pytest.raises(RuntimeError, match="refused to start"):
        async with serve(Echo(refuses=True)):
            pass


async def test_serving_leaves_ctrl_c_to_pytest() -> None:
    """
    A server for tests does not catch the signals of the test run.
    """
    before = signal.getsignal(signal.SIGINT)

    async with serve(Echo()):
        assert signal.getsignal(signal.SIGINT) is before


async def test_process_is_ready_when_it_is_handed_out() -> None:
    """
    A service's process answers at its address, and its log can be read while it runs.
    """
    async with serve_process(ARGV, {}) as service:
        assert b" 404 " in await _get(service.url, "/")
        assert service.log.startswith(f"hello from {service.url.rsplit(':', 1)[1]}")
        assert service.returncode is None

    assert service.returncode == 7


async def test_process_may_choose_its_port() -> None:
    """
    A ``SERVICE_PORT`` in the environment holds.
    """
    port = unused_port()

    async with serve_process(ARGV, {"SERVICE_PORT": str(port)}) as service:
        assert service.url == f"http://127.0.0.1:{port}"


async def test_process_can_be_ended_by_a_signal() -> None:
    """
    SIGTERM lets it leave in order, SIGKILL does not, and the return code tells which.
    """
    async with serve_process(ARGV, {}) as service:
        service.signal(signal.SIGTERM)
        assert await service.ended() == 7
        assert "leaving in order" in service.log
        service.signal(signal.SIGTERM)  # of which nobody is left to take notice
    async with serve_process(ARGV, {}) as service:
        service.signal(signal.SIGKILL)
        assert await service.ended() == -signal.SIGKILL


async def test_process_that_ends_at_once_shows_its_log() -> None:
    """
    A service that does not start says why.
    """
    argv = [sys.executable, "-S", "-c", "print('no such setting'); raise SystemExit(2)"]

    with pytest.raises(RuntimeError, match=r"(?s)ended with 2.*no such setting"):
        async with serve_process(argv, {}):
            pass


async def test_process_that_never_gets_ready_shows_its_log() -> None:
    """
    A service that runs and does not become ready is given up, ended, and says what it had to say.
    """
    with pytest.raises(RuntimeError, match=r"(?s)not ready.*hello from"):
        async with serve_process(ARGV, {"READY": "/never"}, ready_within_s=2):
            pass


async def test_frozen_process_is_ended_all_the_same() -> None:
    """
    A process that a test has frozen does not hold up the end of that test.
    """
    async with serve_process(ARGV, {}) as service:
        service.signal(signal.SIGSTOP)

    assert service.returncode == 7

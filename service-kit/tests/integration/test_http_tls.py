"""
Calls to an https upstream, on both event loops: what a certificate lets through, and what is kept.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvloop
from certificates import self_signed
from tcp import serving, well_behaved

from servicekit.errors import UpstreamFailed
from servicekit.http import Policy, ServiceClient
from servicekit.http.errors import NotConnected

ONCE = Policy(max_attempts=1, breaker_threshold=1000, keep_alive_s=60)

#: Runs a test's own loop, of whatever kind, until it has ended.
Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """
    On the loop of the tests and on that of production, whose TLS transports are not the same.
    """

    def on_loop(whole: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(60):
                await whole()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return on_loop


@contextmanager
def answering_once(tls: ssl.SSLContext, *, is_end_told: bool) -> Iterator[str]:
    """
    The address of a server that answers one request without a length, and ends with or without a word of it.
    """

    def serve() -> None:
        accepted, _ = listener.accept()
        accepted.settimeout(60)
        with tls.wrap_socket(accepted, server_side=True) as connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")
            if is_end_told:
                with suppress(OSError):  # told; the client has heard it, and says nothing
                    connection.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        with ThreadPoolExecutor(1) as thread:
            served = thread.submit(serve)
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        served.result()


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name
)
def test_calls_share_a_connection_under_tls(
    version: ssl.TLSVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """
    A trusted server is called as any other is: each call is answered, all over one connection.
    """
    trusted, server_side = self_signed(tmp_path, "127.0.0.1")
    server_side.minimum_version = server_side.maximum_version = version
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def calls() -> None:
        async with serving(well_behaved, tls=server_side) as server:
            inventory = ServiceClient("inventory", server.url, caller="gateway", policy=ONCE)

            replies = [await inventory.post("/x") for _ in range(20)]
            await inventory.aclose()

            assert [reply.content for reply in replies] == [b"{}"] * 20
            assert (server.connections, len(server.requests)) == (1, 20)

    run(calls)


@pytest.mark.parametrize("is_trusted", [False, True], ids=["of a stranger", "of another address"])
def test_wrong_certificate_is_sent_nothing(
    *, is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """
    Nobody whom we trust has signed it, or it is somebody else's: the write has failed, for sure.
    """
    shown, server_side = self_signed(tmp_path, "127.0.0.2" if is_trusted else "127.0.0.1")
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(shown))

    async def call() -> None:
        async with serving(well_behaved, tls=server_side) as server:
            inventory = ServiceClient("inventory", server.url, caller="gateway", policy=ONCE)

            with pytest.raises(UpstreamFailed) as caught:
                await inventory.post("/x")
            await inventory.aclose()

            assert isinstance(caught.value.__cause__, NotConnected)
            assert isinstance(caught.value.__cause__.__cause__, ssl.SSLCertVerificationError)
            assert server.requests == []

    run(call)


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "cut off"])
def test_end_of_an_answer_without_length_is_told_under_tls(
    *, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Production's loop tells an end that the server has signed from one that anybody can make.
    """
    trusted, server_side = self_signed(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def call(url: str) -> bytes:
        inventory = ServiceClient("inventory", url, caller="gateway", policy=ONCE)
        try:
            return (await inventory.get("/x")).content
        finally:
            await inventory.aclose()

    with answering_once(server_side, is_end_told=is_told) as url:
        if is_told:
            assert uvloop.run(call(url)) == b"{}"
        else:
            with pytest.raises(UpstreamFailed):
                uvloop.run(call(url))

"""
Applications served for tests as production serves them: by uvicorn, or as processes of their own.
"""

import asyncio
import itertools
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from servicekit.serving.bounded_http import BoundedHttpProtocol
from servicekit.testing.guarded import GuardedProcess, shared_lock
from servicekit.testing.polling import eventually, unused_port

_READY_WITHIN_S = 30.0


#: In so many turns the loop has heard of every client that has left.
_TURNS = 10


class _Server(uvicorn.Server):
    """
    Uvicorn's, without the tenths of a second that it waits at its end also where nobody is left.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_over = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """
        Nothing: Ctrl-C is pytest's.
        """
        yield

    async def main_loop(self) -> None:
        """
        Tick ten times a second until it is over.
        """
        ticks = itertools.count()
        while not (await self.on_tick(next(ticks)) or self.is_over.is_set()):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self.is_over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        End at once where nobody is connected; otherwise as uvicorn does it.
        """
        for server in self.servers:
            server.close()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        else:
            await self.lifespan.shutdown()


@asynccontextmanager
async def serve(app: ASGIApp) -> AsyncIterator[str]:
    """
    Serve ``app`` on a free port of the loopback, in the running loop; yields its base URL.
    """
    # With its protocol named: without, asyncio leaves TCP_NODELAY off, at 40 ms an answer.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(
                app,
                http=BoundedHttpProtocol,
                log_config=None,
                access_log=False,
                server_header=False,
                # As in production without TRUSTED_PROXIES; uvicorn would believe the loopback.
                proxy_headers=False,
                timeout_graceful_shutdown=5,
            )
        )
        serving = asyncio.ensure_future(_serve(server, listener))
        try:
            await eventually(lambda: server.started or serving.done(), within_s=_READY_WITHIN_S)
            if not server.started:
                serving.result()
                raise RuntimeError("the application refused to start")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.is_over.set()
            await serving


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    # Uvicorn ends the process when the application refuses to start.
    with suppress(SystemExit):
        await server.serve(sockets=[listener])


class ServedProcess:
    """
    A service that runs as a process of its own.
    """

    def __init__(self, process: GuardedProcess, *, url: str, log_file: Path) -> None:
        self._process = process
        self._log_file = log_file
        self.url = url
        self.pid = process.pid

    @property
    def log(self) -> str:
        """
        What it has written so far.
        """
        return self._log_file.read_text()

    @property
    def returncode(self) -> int | None:
        """
        None while it runs; negative after a signal.
        """
        return self._process.returncode

    def signal(self, signal_: signal.Signals) -> None:
        """
        Send a signal: SIGTERM drains it, SIGKILL ends it, SIGSTOP and SIGCONT freeze and thaw it.
        """
        self._process.signal(signal_)

    async def ended(self, within_s: float = 10.0) -> int:
        """
        Its return code, once it has ended by itself or by a signal.
        """
        return await asyncio.to_thread(self._process.wait, within_s)


@asynccontextmanager
async def serve_process(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    ready_within_s: float = _READY_WITHIN_S,
    is_warm: bool = True,
) -> AsyncIterator[ServedProcess]:
    """
    Start a service as a process, and yield it once ``/health/ready`` answers 200.

    ``env`` is added to the environment of the tests; without a ``SERVICE_PORT`` a free one is
    chosen. Where it does not become ready, the error shows its log. Unless ``is_warm`` is false, a
    Python program may start with its imports done: a second less.
    """
    port = int(env.get("SERVICE_PORT") or unused_port())
    environment = {**os.environ, **env, "SERVICE_PORT": str(port)}
    with (
        tempfile.TemporaryDirectory(prefix="service-") as folder,
        shared_lock(Path(folder, "lock")),
    ):
        log_file = Path(folder, "log")
        process = GuardedProcess(
            argv,
            lock=Path(folder, "lock"),
            log=log_file,
            env=environment,
            remove=[Path(folder)],
            is_warm=is_warm,
        )
        served = ServedProcess(process, url=f"http://127.0.0.1:{port}", log_file=log_file)
        try:
            await _ready(served, port, ready_within_s)
            yield served
        finally:
            await asyncio.to_thread(process.stop)


async def _ready(served: ServedProcess, port: int, within_s: float) -> None:
    async def is_ready() -> bool:
        return served.returncode is not None or await _answers_200(port, "/health/ready")

    try:
        await eventually(is_ready, within_s=within_s, every_s=0.05)
    except AssertionError as error:
        raise RuntimeError(f"the service is not ready:\n{served.log}") from error
    if served.returncode is not None:
        raise RuntimeError(f"the service ended with {served.returncode}:\n{served.log}")


async def _answers_200(port: int, path: str) -> bool:
    # Ten lines of HTTP, so that the service client is not tested by means of itself.
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False

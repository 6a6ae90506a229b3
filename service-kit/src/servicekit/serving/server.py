"""
Runs an application by uvicorn, and stops it without losing a request.

On SIGTERM or SIGINT the service says at once that it is not ready, goes on
serving for a delay so that balancers can turn away, then stops accepting,
waits for requests in progress, and leaves. A second signal skips the delay,
a third one does not wait for requests either. A start is given up at the first.

Whatever hangs, the process ends: ``LAST_S`` after the time that requests in progress have.
"""

import asyncio
import errno
import gc
import logging
import socket
import time
from collections.abc import Awaitable
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.serving.accepting import Acceptor
from servicekit.serving.bounded_http import BoundedHttpProtocol
from servicekit.serving.ending import end_within
from servicekit.serving.lifecycle import Lifecycle
from servicekit.settings import ServiceSettings, SettingsError

KEEP_ALIVE_S = 75
#: Connections that may wait to be accepted in a rush.
BACKLOG = 2048
#: What an application's parts have to stop in, once no request is in progress: five seconds for works
#: that are handed over, and some.
LAST_S = 8.0
#: How many objects more than are given back begin a search for circles among the youngest. Python's
#: own 700 is reached every few dozen requests, whose objects go without it; the search took a fifth
#: of a service's time. What this many hold is a few megabytes.
GC_THRESHOLD = 20_000

log = structlog.get_logger()


class DrainingServer(uvicorn.Server):
    """
    Uvicorn with a drain between the signal and the end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        lifecycle: Lifecycle,
        drain_delay_s: float,
        last_s: float = LAST_S,
    ) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_delay_s = drain_delay_s
        self._last_s = last_s
        self._stop_at: float | None = None
        self._is_told = False
        self._acceptors: list[Acceptor] = []
        self._starting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Start the application, and keep what that has made out of the garbage collector's sight.
        """
        self._starting = asyncio.current_task()
        try:
            # None to accept on: uvicorn's own way would be uvloop's.
            await super().startup([])
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            log.info("service.start_given_up")
            end_within(self._last_s)
            # What has started of the application is stopped with the loop.
            self._lifecycle.refuse()
            return
        finally:
            self._starting = None
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])
        for listener in sockets or ():
            listener.listen(self.config.backlog)
            self._acceptors.append(Acceptor(listener, self._protocol))

    def _protocol(self) -> asyncio.Protocol:
        return BoundedHttpProtocol(self.config, self.server_state, self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Stop accepting, and wait for whoever is being served.
        """
        end_within((self.config.timeout_graceful_shutdown or 0) + self._last_s)
        for acceptor in self._acceptors:
            acceptor.close()
            # Who is accepted is known to uvicorn before it tells all that it stops.
            await acceptor.wait_closed()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """
        Begin the drain; at a second signal end it; at a third end everything. Give up a start.
        """
        if self.should_exit:
            self.force_exit = True
        elif self._stop_at is None and self.started:
            self._lifecycle.drain()
            self._stop_at = time.monotonic() + self._drain_delay_s
        else:
            self.should_exit = True
            if (starting := self._starting) is not None:
                # Whatever it waits for, nobody will be served.
                starting.get_loop().call_soon_threadsafe(starting.cancel)

    async def on_tick(self, counter: int) -> bool:
        """
        Called ten times a second: whether the drain is over.
        """
        if self._stop_at is not None:
            if not self._is_told:
                # Told here: a signal's handler may have interrupted the writing of a line.
                self._is_told = True
                log.info("service.draining", delay_s=self._drain_delay_s)
            if time.monotonic() >= self._stop_at:
                self.should_exit = True
        return await super().on_tick(counter)


def run(app: FastAPI, settings: ServiceSettings) -> int:
    """
    Serve until a signal says otherwise; returns the process's exit code.

    Raises SettingsError where the address cannot be had.
    """
    listener = _bound(settings.service_host, settings.service_port)
    config = uvicorn.Config(
        _quiet_refusals(app),
        http=BoundedHttpProtocol,
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout_seconds)),
        backlog=BACKLOG,
    )
    server = DrainingServer(
        config, lifecycle=app.state.lifecycle, drain_delay_s=settings.drain_delay_seconds
    )
    with listener:
        try:
            server.run(sockets=[listener])
        except SystemExit as refusal:
            return int(refusal.code or 0)
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """
    A socket that has the address and does not listen yet: nobody is let in before the start is done.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = "is in use: stop what listens there, or set SERVICE_PORT"
        else:
            reason = f"cannot be listened on ({error.strerror})"
        raise SettingsError(f"{host}:{port} {reason}") from None
    return listener


def _quiet_refusals(app: FastAPI) -> ASGIApp:
    """
    Whoever refuses the start has logged why: the server need not print a traceback as well.
    """

    def wrapped(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Handed on and not awaited here: a coroutine less for each request.
        return app(scope, receive, without_traceback(send) if scope["type"] == "lifespan" else send)

    def without_traceback(send: Send) -> Send:
        async def send_without_traceback(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and app.state.lifecycle.is_refused:
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await send(message)

        return send_without_traceback

    return wrapped

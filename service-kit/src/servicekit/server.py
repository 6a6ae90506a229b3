"""
Runs an application by uvicorn, and stops it without losing a request.

On SIGTERM or SIGINT the service says at once that it is not ready, goes on
serving for a delay so that balancers can turn away, then stops accepting,
waits for requests in progress, and leaves. A second signal skips the delay,
a third one does not wait for requests either.
"""

import time
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.lifecycle import Lifecycle
from servicekit.settings import ServiceSettings

KEEP_ALIVE_S = 75
#: Connections that may wait to be accepted in a rush.
BACKLOG = 2048


class DrainingServer(uvicorn.Server):
    """
    Uvicorn with a drain between the signal and the end.
    """

    def __init__(
        self, config: uvicorn.Config, *, lifecycle: Lifecycle, drain_delay_s: float
    ) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_delay_s = drain_delay_s
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """
        Begin the drain; at a second signal end it; at a third end everything.
        """
        if self.should_exit:
            self.force_exit = True
        elif self._stop_at is None and self.started:
            self._lifecycle.drain()
            self._stop_at = time.monotonic() + self._drain_delay_s
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """
        Called ten times a second: whether the drain is over.
        """
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


def run(app: FastAPI, settings: ServiceSettings) -> int:
    """
    Serve until a signal says otherwise; returns the process's exit code.
    """
    config = uvicorn.Config(
        _quiet_refusals(app),
        host=settings.service_host,
        port=settings.service_port,
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
    server.run()
    return 0 if server.started else 3


def _quiet_refusals(app: FastAPI) -> ASGIApp:
    """
    Whoever refuses the start has logged why: the server need not print a traceback as well.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_traceback(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and app.state.lifecycle.is_refused:
                message = {**message, "message": ""}
            await send(message)

        await app(scope, receive, send_without_traceback if scope["type"] == "lifespan" else send)

    return wrapped

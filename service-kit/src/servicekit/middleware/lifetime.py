"""
Ends a request in time: at its deadline, or when nobody waits for its answer any more.

A caller may ask for a shorter deadline by ``X-Request-Deadline-Ms``. Until an
answer has begun, a request that is over its deadline ends as 504; a read whose
client has left ends at once. Writes of a client that has left go on.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, MalformedRequest

_HEADER = deadline.DEADLINE_HEADER.lower().encode()
#: A read that is answered sooner is not worth watching over.
WATCH_AFTER_S = 0.02


class ClientGone(Exception):
    """
    The client closed its connection before the answer began.
    """


class LifetimeMiddleware:
    """
    Gives each request its deadline, and ends reads that were abandoned.
    """

    def __init__(
        self, app: ASGIApp, *, request_timeout_s: float, exempt_paths: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._request_timeout_s = request_timeout_s
        self._exempt_paths = exempt_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] != "http" or scope["path"] in self._exempt_paths:
            await self._app(scope, receive, send)
            return
        allowed_s = min(self._request_timeout_s, asked_s(scope, self._request_timeout_s))
        if allowed_s <= 0:
            raise DeadlineExceeded(after_s=0)
        with deadline.within(allowed_s):
            await self._serve(scope, receive, send, allowed_s)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, allowed_s: float) -> None:
        limit = asyncio.timeout(allowed_s)

        async def send_in_time(message: Message) -> None:
            # The deadline is for the beginning of an answer: a stream may then take its time.
            if message["type"] == "http.response.start" and not limit.expired():
                limit.reschedule(None)
            await send(message)

        watch = _Watch(receive, limit) if _is_plain_read(scope) else None
        try:
            async with limit:
                await self._app(scope, watch.receive if watch else receive, send_in_time)
        except TimeoutError:
            if watch is not None and watch.has_client_left:
                raise ClientGone from None
            if limit.expired():
                raise DeadlineExceeded(after_s=allowed_s) from None
            raise
        finally:
            if watch is not None:
                watch.stop()


class _Watch:
    """
    Waits for the client's leave beside the request, and then lets its time be over.
    """

    def __init__(self, receive: Receive, limit: asyncio.Timeout) -> None:
        self._receive = receive
        self._limit = limit
        self._task: asyncio.Task[None] | None = None
        self._is_body_told = False
        self.has_client_left = False
        loop = asyncio.get_running_loop()
        self._now: Callable[[], float] = loop.time
        self._timer = loop.call_later(WATCH_AFTER_S, self._start)

    async def receive(self) -> Message:
        """
        What the application is told: an empty body first, then the client's leave.
        """
        if not self._is_body_told:
            self._is_body_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.shield(self._start())
        return {"type": "http.disconnect"}

    def stop(self) -> None:
        """
        The request has ended: leave nothing behind.
        """
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.create_task(self._wait_for_leave(), name="client-watch")
        return self._task

    async def _wait_for_leave(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.has_client_left = True
        if self._limit.when() is not None and not self._limit.expired():
            self._limit.reschedule(self._now())


def _is_plain_read(scope: Scope) -> bool:
    """
    A read without a body: what it receives can only be its client's leave.
    """
    return scope["method"] in {"GET", "HEAD"} and not any(
        name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"]
    )


def asked_s(scope: Scope, default_s: float) -> float:
    """
    The seconds that the caller gives, or ``default_s`` where it says nothing.
    """
    for name, value in scope["headers"]:
        if name == _HEADER:
            if not value.isdigit() or len(value) > 9:
                raise MalformedRequest(
                    f"{deadline.DEADLINE_HEADER} must be a whole number of milliseconds."
                )
            return int(value) / 1000
    return default_s

"""
Ends a request in time: at its deadline, or when nobody waits for its answer any more.

A caller may ask for a shorter deadline by ``X-Request-Deadline-Ms``. Until an
answer has begun, a request that is over its deadline ends as 504; a read whose
client has left ends at once. Writes of a client that has left go on.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, MalformedRequest
from servicekit.middleware.answer import answer_to

_HEADER = deadline.DEADLINE_HEADER.lower().encode()
_READS = frozenset({"GET", "HEAD"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
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
        allowed_s, has_body = _head_of(scope, self._request_timeout_s)
        if allowed_s <= 0:
            raise DeadlineExceeded(after_s=0)
        # A read without a body: what it receives can only be its client's leave.
        is_read = not has_body and scope["method"] in _READS
        guard = _Guard(scope, receive, allowed_s, watches=is_read)
        token = deadline.EXPIRES_AT.set(guard.ends_at)
        try:
            await self._app(scope, guard.receive if is_read else receive, send)
        except asyncio.CancelledError:
            if (verdict := guard.verdict()) is not None:
                raise verdict from None
            raise
        finally:
            deadline.EXPIRES_AT.reset(token)
            guard.stop()


class _Guard:
    """
    Cancels the request when its time is over or its client has left.

    Nearly every request ends before any of that, so it begins with one timer; the deadline's
    own timer and the watch over the client follow when that has gone off. (asyncio.timeout
    would do for the deadline, at six microseconds a request.)
    """

    __slots__ = (
        "_allowed_s",
        "_is_body_told",
        "_loop",
        "_reason",
        "_receive",
        "_scope",
        "_task",
        "_timer",
        "_watch",
        "_watches",
        "ends_at",
    )

    def __init__(self, scope: Scope, receive: Receive, allowed_s: float, *, watches: bool) -> None:
        self._scope = scope
        self._receive = receive
        self._allowed_s = allowed_s
        self._watches = watches
        self._watch: asyncio.Task[None] | None = None
        self._is_body_told = False
        self._reason: DeadlineExceeded | ClientGone | None = None
        self._task = asyncio.current_task()
        self.ends_at = time.monotonic() + allowed_s
        self._loop = asyncio.get_running_loop()
        first_s = min(allowed_s, WATCH_AFTER_S)
        self._timer = self._loop.call_later(first_s, self._begin)

    async def receive(self) -> Message:
        """
        What a read is told: an empty body first, then its client's leave.
        """
        if not self._is_body_told:
            self._is_body_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.shield(self._watching())
        return {"type": "http.disconnect"}

    def verdict(self) -> DeadlineExceeded | ClientGone | None:
        """
        Why the request was cancelled, if it was cancelled here and by nobody else as well.
        """
        reason, self._reason = self._reason, None
        if reason is None or self._task is None:
            return None
        return reason if self._task.uncancel() == 0 else None

    def stop(self) -> None:
        """
        The request has ended: leave nothing behind.
        """
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._reason is not None:
            self.verdict()

    def _begin(self) -> None:
        left_s = self.ends_at - time.monotonic()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._begin)
            if self._watches:
                self._watching()
        else:
            is_write = self._scope["method"] not in SAFE_METHODS
            self._end(DeadlineExceeded(after_s=self._allowed_s, may_have_happened=is_write))

    def _watching(self) -> asyncio.Task[None]:
        if self._watch is None:
            self._watch = asyncio.create_task(self._wait_for_leave(), name="client-watch")
        return self._watch

    async def _wait_for_leave(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientGone())

    def _end(self, reason: DeadlineExceeded | ClientGone) -> None:
        # The deadline is for the beginning of an answer: a stream may then take its time.
        if self._reason is None and self._task is not None and not answer_to(self._scope).is_begun:
            self._reason = reason
            self._task.cancel()


def _head_of(scope: Scope, at_most_s: float) -> tuple[float, bool]:
    """
    The seconds that the caller gives, up to ``at_most_s``, and whether a body follows.
    """
    allowed_s, has_body = at_most_s, False
    for name, value in scope["headers"]:
        if name == _HEADER:
            if not value.isdigit() or len(value) > 9:
                raise MalformedRequest(
                    f"{deadline.DEADLINE_HEADER} must be a whole number of milliseconds."
                )
            allowed_s = min(allowed_s, int(value) / 1000)
        elif name in _BODY_HEADERS:
            has_body = True
    return allowed_s, has_body

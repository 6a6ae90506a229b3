"""
Ends a request in time: at its deadline, or when nobody waits for its answer any more.

A caller may ask for a shorter deadline by ``X-Request-Deadline-Ms``. Until an
answer has begun, a request that is over its deadline ends as 504; a read whose
client has left ends at once. Writes of a client that has left go on.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, MalformedRequest
from servicekit.middleware.answer import Answer
from servicekit.middleware.told import DEADLINE, ENCODING, LENGTH, Told

_READS = frozenset({"GET", "HEAD"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: A read that is answered sooner is not worth watching over.
WATCH_AFTER_S = 0.02


class Allowance(NamedTuple):
    """
    What requests of one method below one path are given, where that differs from all others.
    """

    method: str
    prefix: str
    seconds: float


class ClientGone(Exception):
    """
    The client closed its connection before the answer began.
    """


class Lifetime:
    """
    Gives each request its deadline, and ends reads that were abandoned.
    """

    def __init__(
        self,
        request_timeout_s: float,
        exempt_paths: frozenset[str],
        allowances: Sequence[Allowance] = (),
    ) -> None:
        self._request_timeout_s = request_timeout_s
        self._exempt_paths = exempt_paths
        self._allowances: dict[str, list[Allowance]] = {one.method: [] for one in allowances}
        for one in allowances:
            self._allowances[one.method].append(one)

    async def serve(
        self,
        app: ASGIApp,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        answer: Answer,
        told: Told,
    ) -> None:
        """
        Serve one request by ``app``; raises DeadlineExceeded or ClientGone where it ended it.
        """
        if scope["path"] in self._exempt_paths:
            await app(scope, receive, send)
            return
        allowed_s = _allowed_s(told, self._at_most_s(scope))
        guard = _Guard(scope, receive, answer, told, allowed_s=allowed_s)
        token = deadline.EXPIRES_AT.set(guard.ends_at)
        try:
            await app(scope, guard.receive if guard.watches else receive, send)
        except asyncio.CancelledError:
            if (verdict := guard.verdict()) is not None:
                raise verdict from None
            raise
        finally:
            deadline.EXPIRES_AT.reset(token)
            guard.stop()

    def _at_most_s(self, scope: Scope) -> float:
        path: str = scope["path"]
        for one in self._allowances.get(scope["method"], ()):
            if path == one.prefix or path.startswith(f"{one.prefix}/"):
                return one.seconds
        return self._request_timeout_s


def _allowed_s(told: Told, at_most_s: float) -> float:
    """
    The seconds that the caller gives, up to ``at_most_s``; raises where none are left.
    """
    value = told.get(DEADLINE)
    if value is None:
        return at_most_s
    if not value.isdigit() or len(value) > 9:
        raise MalformedRequest(
            f"{deadline.DEADLINE_HEADER} must be a whole number of milliseconds."
        )
    allowed = min(at_most_s, int(value) / 1000)
    if allowed <= 0:
        raise DeadlineExceeded(after_s=0)
    return allowed


class _Guard:
    """
    Cancels the request when its time is over or its client has left.

    Nearly every request ends before any of that, so it begins with one timer; the deadline's
    own timer and the watch over the client follow when that has gone off. (asyncio.timeout
    would do for the deadline, at six microseconds a request.)
    """

    __slots__ = (
        "_allowed_s",
        "_answer",
        "_is_body_told",
        "_loop",
        "_method",
        "_reason",
        "_receive",
        "_task",
        "_timer",
        "_watch",
        "ends_at",
        "watches",
    )

    def __init__(
        self, scope: Scope, receive: Receive, answer: Answer, told: Told, *, allowed_s: float
    ) -> None:
        self._method: str = scope["method"]
        self._receive = receive
        self._answer = answer
        self._allowed_s = allowed_s
        #: A read without a body: what it receives can only be its client's leave.
        self.watches = self._method in _READS and LENGTH not in told and ENCODING not in told
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
            if self.watches:
                self._watching()
        else:
            is_write = self._method not in SAFE_METHODS
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
        if self._reason is None and self._task is not None and not self._answer.is_begun:
            self._reason = reason
            self._task.cancel()

"""
A value that another service gives and that has to be fetched anew from time to time.

One fetch runs at a time and is shared by all that wait for it; it belongs to
none of them, so neither a caller that leaves nor a caller's deadline ends it.
A fetch that fails leaves the last value in place and is repeated after a
growing pause. How old a value may be is for the user of this class to say. In logs and traces it
stands with the request that was the first to need it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import Context
from typing import Final, Generic, TypeVar

import structlog

from servicekit import correlation
from servicekit.correlation import Correlation
from servicekit.unharmed import Unharmed

T = TypeVar("T")

FETCH_TIMEOUT_S: Final = 5.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0

log = structlog.get_logger()


class Renewal(Generic[T]):
    """
    The last value that ``fetch`` gave, and the one way to fetch the next.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        name: str,
        now: Callable[[], float],
        fetch_timeout_s: float = FETCH_TIMEOUT_S,
        on_failure: Callable[[], object] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._fetch_timeout_s = fetch_timeout_s
        self._name = name
        self._on_failure = on_failure
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._attempted_at = -math.inf
        self._failures = 0
        self.value: T | None = None
        #: When the fetch began that gave the value: it cannot be older than that.
        self.fetched_at = -math.inf

    @property
    def age_s(self) -> float:
        """
        Seconds since the value was asked for; infinite before there is one.
        """
        return self._now() - self.fetched_at

    @property
    def is_failing(self) -> bool:
        """
        Whether the last fetch failed.
        """
        return self._failures > 0

    @property
    def retry_after_s(self) -> float:
        """
        Seconds until the next fetch may begin.
        """
        return max(0.0, self._attempted_at + self._pause_s - self._now())

    def begin(self, *, at_most_every_s: float = 0.0) -> asyncio.Task[None] | None:
        """
        The fetch in progress, started now unless it is too soon; None where it is.
        """
        if self._task is not None and not self._task.done():
            return self._task
        if self._now() < self._attempted_at + max(self._pause_s, at_most_every_s):
            return None
        self._attempted_at = self._now()
        # An empty context: the fetch has no caller's deadline and no caller's identity.
        run = self._run(correlation.current())
        self._task = asyncio.create_task(run, name=f"renew-{self._name}", context=Context())
        return self._task

    async def attempt(self, *, at_most_every_s: float = 0.0) -> None:
        """
        Wait for the fetch in progress, or for a new one unless it is too soon. Never raises.
        """
        task = self.begin(at_most_every_s=at_most_every_s)
        if task is not None:
            # Unlike awaiting the task, this does not cancel it when the caller is cancelled.
            await asyncio.wait({task})

    async def aclose(self) -> None:
        """
        End the fetch in progress.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def _pause_s(self) -> float:
        if self._failures == 0:
            return 0.0
        return min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 16), LONGEST_PAUSE_S)

    async def _run(self, caused_by: Correlation | None) -> None:
        with nullcontext() if caused_by is None else correlation.correlated(caused_by):
            await self._renew()

    async def _renew(self) -> None:
        began_at = self._now()
        # Whatever fails, the last value stays, and the fetch is repeated.
        with Unharmed(self._failed):
            async with asyncio.timeout(self._fetch_timeout_s):
                value = await self._fetch()
            self.value = value
            self.fetched_at = began_at
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._on_failure()
        # Not the message: it may quote what was sent or received.
        log.warning(
            "auth.renewal_failed",
            of=self._name,
            error=type(error).__name__,
            failures=self._failures,
        )

"""
The layer that tries again, where that is safe, useful, in time and paid for.

The first attempt is made directly: tenacity, which takes as long to set up as
all other layers together, comes into play when it has failed.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, RetryCallState
from tenacity.wait import wait_random_exponential

from servicekit.http.answer import Received
from servicekit.http.budget import RetryBudget
from servicekit.http.call import Call
from servicekit.http.errors import (
    BadAnswer,
    ConnectionLost,
    NotAnsweredInTime,
    NotConnected,
    NotConnectedInTime,
)
from servicekit.http.layer import Layer, Sender
from servicekit.http.observer import Retry

#: What another attempt may find mended. The rest are mistakes of ours, or would come to the same.
_WORTH_REPEATING = (
    NotConnected,
    NotConnectedInTime,
    NotAnsweredInTime,
    ConnectionLost,
    BadAnswer,
)
_UNAVAILABLE = frozenset({502, 503, 504})
_TOO_MANY = 429


class Retrying(Layer):
    """
    Repeats safe and keyed calls, at most ``max_attempts`` attempts in all.
    """

    def __init__(
        self,
        inner: Sender,
        *,
        max_attempts: int,
        backoff_base_s: float,
        backoff_max_s: float,
        budget: RetryBudget,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        super().__init__(inner)
        self._max_attempts = max_attempts
        self._full_jitter = wait_random_exponential(multiplier=backoff_base_s, max=backoff_max_s)
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._on_retry = on_retry

    async def send(self, call: Call) -> Received:
        """
        Pass it on, and again where that helps.
        """
        self._budget.deposit()
        if not call.may_repeat:
            return await self._inner.send(call)
        try:
            answer = await self._inner.send(call)
        except _WORTH_REPEATING as error:
            return await self._repeat(call, error)
        if not _is_worth_repeating(answer):
            return answer
        return await self._repeat(call, answer)

    async def _repeat(self, call: Call, first: Received | Exception) -> Received:
        """
        Let tenacity take over, with the first attempt as it went.
        """
        outcomes = [first]

        async def attempt() -> Received:
            if not outcomes:
                return await self._inner.send(call)
            outcome = outcomes.pop()
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return await self._policy_for(call)(attempt)

    def _policy_for(self, call: Call) -> AsyncRetrying:
        def wait_s(state: RetryCallState) -> float:
            return max(self._full_jitter(state), _retry_after_s(_answer(state)) or 0.0)

        def must_stop(state: RetryCallState) -> bool:
            return (
                state.attempt_number >= self._max_attempts
                or state.upcoming_sleep >= call.left_s(self._clock())
                # Last, so that nothing is paid for a retry that is not made.
                or not self._budget.withdraw()
            )

        def announce(state: RetryCallState) -> None:
            if self._on_retry is not None:
                self._on_retry(
                    Retry(call.upstream, call.method, call.attempts, state.upcoming_sleep)
                )

        return AsyncRetrying(
            retry=_has_failed,
            wait=wait_s,
            stop=must_stop,
            before_sleep=announce,
            sleep=self._sleep,
            retry_error_callback=_as_it_went,
        )


def _has_failed(state: RetryCallState) -> bool:
    if state.outcome is not None and state.outcome.failed:
        return isinstance(state.outcome.exception(), _WORTH_REPEATING)
    answer = _answer(state)
    return answer is not None and _is_worth_repeating(answer)


def _as_it_went(state: RetryCallState) -> Received:
    if state.outcome is None:
        raise RuntimeError("no attempt was made")
    answer: Received = state.outcome.result()
    return answer


def _answer(state: RetryCallState) -> Received | None:
    if state.outcome is None or state.outcome.failed:
        return None
    return _as_it_went(state)


def _is_worth_repeating(answer: Received) -> bool:
    if answer.status == _TOO_MANY:
        return _retry_after_s(answer) is not None
    return answer.status in _UNAVAILABLE


def _retry_after_s(answer: Received | None) -> float | None:
    """
    How long the upstream asks to be left alone: seconds, or a date.
    """
    asked = None if answer is None else answer.headers.get("Retry-After")
    if answer is None or asked is None:
        return None
    if asked.isascii() and asked.isdigit():
        return float(asked)
    until = _date(asked)
    if until is None:
        return None
    # Both dates are of the upstream's clock, where it gives them.
    now = _date(answer.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""
The way of every outgoing call, listed from the network up to the caller.
"""

from collections.abc import Awaitable, Callable

from servicekit.http.attempt import Attempt
from servicekit.http.authorizing import Authorizing
from servicekit.http.breaker import Breaker
from servicekit.http.breaking import Breaking
from servicekit.http.budget import RetryBudget
from servicekit.http.bulkhead import Bulkhead
from servicekit.http.deadlines import TotalDeadline
from servicekit.http.layer import Sender, Wire
from servicekit.http.observer import Retry
from servicekit.http.policy import Policy
from servicekit.http.retry import Retrying


def pipeline(
    wire: Wire,
    *,
    policy: Policy,
    breaker: Breaker,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    authorize: Callable[[], Awaitable[str]] | None = None,
    on_retry: Callable[[Retry], None] | None = None,
) -> Sender:
    """
    A call goes from the last layer named here to the first, and its answer comes back the other way.
    """
    layer: Sender = Attempt(
        wire,
        limit_s=policy.attempt_timeout_s,
        max_response_bytes=policy.max_response_bytes,
        clock=clock,
    )
    layer = Breaking(layer, breaker=breaker, slow_call_s=policy.slow_call_s, clock=clock)
    layer = Retrying(
        layer,
        max_attempts=policy.max_attempts,
        backoff_base_s=policy.backoff_base_s,
        backoff_max_s=policy.backoff_max_s,
        budget=RetryBudget(
            ratio=policy.retry_budget_ratio,
            start=policy.retry_budget_start,
            cap=policy.retry_budget_cap,
        ),
        clock=clock,
        sleep=sleep,
        on_retry=on_retry,
    )
    if authorize is not None:
        layer = Authorizing(layer, authorize=authorize)
    layer = TotalDeadline(layer, clock=clock, has_timer=authorize is not None)
    return Bulkhead(
        layer,
        max_in_flight=policy.max_in_flight,
        max_waiting=policy.max_waiting,
        clock=clock,
    )

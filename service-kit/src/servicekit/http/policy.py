"""
The bounds of all calls to one upstream, in one place.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    How long, how often and how many at once. Every value must be positive.
    """

    #: What a call may take in all: its wait for a place, every attempt, the pauses between them.
    total_timeout_s: float = 30.0
    #: What one attempt may take, from connecting to the last byte of the answer.
    attempt_timeout_s: float = 10.0
    #: A call that its caller's own deadline cut short speaks against the upstream from here on.
    slow_call_s: float = 1.0
    #: The largest answer that is read.
    max_response_bytes: int = 8 * 1024 * 1024

    max_attempts: int = 3
    #: Pauses are random between zero and a bound that starts here and doubles.
    backoff_base_s: float = 0.05
    backoff_max_s: float = 1.0
    #: Repeats for each request, on the whole: 0.2 is one for five requests.
    retry_budget_ratio: float = 0.2
    retry_budget_start: float = 0.8
    retry_budget_cap: float = 10.0

    breaker_threshold: int = 5
    breaker_open_for_s: float = 60.0
    breaker_max_probes: int = 3
    breaker_successes_to_close: int = 3

    max_in_flight: int = 100
    max_waiting: int = 1000

    #: How long an idle connection is kept. Servers drop theirs after 5 s (uvicorn, Node) or more:
    #: whoever gives up first must be us, or a request is sent into a connection that is closing.
    keep_alive_s: float = 4.0

    def __post_init__(self) -> None:
        wrong = [field.name for field in fields(self) if not getattr(self, field.name) > 0]
        if wrong:
            raise ValueError(f"must be positive: {', '.join(wrong)}")


DEFAULT_POLICY = Policy()

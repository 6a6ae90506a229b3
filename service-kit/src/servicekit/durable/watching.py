"""
Tells metrics and traces of works and of each of their attempts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from servicekit.durable.metrics import SagaMetrics
from servicekit.sagas import Attempt, Done, Ending, Outcome, Refused, Unknown
from servicekit.tracing.spans import Fact, Span, Spans

#: Later attempts have traces of their own, linked with the work's: what is repeated for hours would
#: make one trace that nothing can show, and most of it would come too late for whoever collects them.
LAST_IN_ONE_TRACE: Final = 10
#: What is neither ended nor told its outcome: others go on with it.
_LEFT: Final = "left"


class SagaWatch:
    """
    A span for each carrying out of a work, and below it a span and a measurement for each attempt.
    """

    def __init__(self, metrics: SagaMetrics, spans: Spans | None) -> None:
        self._metrics = metrics
        self._spans = spans

    @contextmanager
    def work(
        self, saga: str, work_id: str, *, is_again: bool
    ) -> Iterator[Callable[[Ending], None]]:
        """
        Whoever carries a work out, until it has ended or is left to others.
        """
        if self._spans is None:
            yield _not_told
            return
        facts: dict[str, Fact] = {
            "saga.name": saga,
            "saga.work": work_id,
            "saga.again": is_again,
            "saga.outcome": _LEFT,
        }
        with self._spans.span(saga, facts) as span:

            def ended(ending: Ending) -> None:
                _tell_end(span, ending)

            yield ended

    @contextmanager
    def attempt(self, attempt: Attempt) -> Iterator[Callable[[Outcome], None]]:
        """
        One attempt, until its outcome is told, or until it is cut off.
        """
        began = time.perf_counter()
        came_to: list[Outcome] = []
        try:
            if self._spans is None:
                yield came_to.append
            else:
                with _shown(self._spans, attempt, came_to):
                    yield came_to.append
        finally:
            word = _word(came_to[0]) if came_to else _LEFT
            self._metrics.attempted(attempt, word, time.perf_counter() - began)


@contextmanager
def _shown(spans: Spans, attempt: Attempt, came_to: Sequence[Outcome]) -> Iterator[None]:
    is_apart = attempt.number > LAST_IN_ONE_TRACE
    with spans.span(_name(attempt), _facts(attempt), is_apart=is_apart) as span:
        yield
        for outcome in came_to:
            _tell_outcome(span, outcome)


def _name(attempt: Attempt) -> str:
    return f"undo {attempt.step}" if attempt.is_undo else attempt.step


def _facts(attempt: Attempt) -> dict[str, Fact]:
    return {
        "saga.name": attempt.saga,
        "saga.work": attempt.work_id,
        "saga.step": attempt.step,
        "saga.deed": "undo" if attempt.is_undo else "do",
        "saga.attempt": attempt.number,
        "saga.outcome": _LEFT,
    }


def _word(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return "done"
        case Refused():
            return "refused"
        case Unknown():
            return "unknown"


def _tell_outcome(span: Span, outcome: Outcome) -> None:
    span.note("saga.outcome", _word(outcome))
    match outcome:
        case Refused(code):
            span.note("saga.code", code)
        case Unknown(why):
            span.note("saga.code", why)
            span.fail(why)


def _tell_end(span: Span, ending: Ending) -> None:
    span.note("saga.outcome", ending.how)
    if ending.code is not None:
        span.note("saga.code", ending.code)
    if ending.how == "failed":
        span.fail(f"{ending.step} was not done in time")


def _not_told(_ending: Ending) -> None: ...

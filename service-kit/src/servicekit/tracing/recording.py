"""
Traces, for services that have an endpoint to send them to.

Spans take up the ids of ``servicekit.correlation``, so that logs, headers and traces speak of the same
trace. While they run they are our own, which costs a tenth of OpenTelemetry's; those that have ended
become its own in the thread that sends them (``servicekit.tracing.otlp``).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.types import Scope

from servicekit import correlation
from servicekit.correlation import Correlation
from servicekit.tracing.choosing import Choice
from servicekit.tracing.otlp import Kind, Otlp, Recorded
from servicekit.tracing.sending import DEFAULT_PACE, Pace, Sending
from servicekit.tracing.spans import Fact, Span


class Tracing:
    """
    Makes spans for requests, calls and pieces of work, and sends them on in the background.

    Of the traces that begin here, a ``share`` is recorded, and ``per_second`` at most. Where a caller has
    decided before, so it is, unless callers are strangers: theirs are chosen from as if they began here.
    """

    def __init__(
        self,
        otlp: Otlp,
        *,
        share: float = 1.0,
        per_second: float = 100.0,
        are_callers_strangers: bool = False,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self.sending = Sending(otlp.deliver, otlp.close, pace=pace)
        self._choice = Choice(share=share, per_second=per_second)
        self._are_callers_strangers = are_callers_strangers

    @contextmanager
    def server_span(self, scope: Scope, ids: Correlation) -> Iterator[Correlation]:
        """
        The span of one request; yields its ids.
        """
        begins_here = self._are_callers_strangers or ids.parent_span_id is None
        if not (self._choice.is_chosen() if begins_here else ids.sampled):
            yield _unrecorded(ids)
            return
        span = _below(ids, scope.get("method", "WEBSOCKET"), "server", {})
        span.facts["correlation.id"] = ids.correlation_id
        try:
            yield _with_ids_of(span, ids)
        finally:
            _describe(span, scope)
            self._end(span)

    @contextmanager
    def client_span(self, upstream: str, method: str) -> Iterator[Span]:
        """
        The span of one call to ``upstream``: what is sent inside carries its ids.
        """
        ids = correlation.current() or correlation.new()
        if not self._is_recorded(ids):
            with correlation.correlated(_unrecorded(ids)):
                yield _UNSEEN
            return
        facts: dict[str, Fact] = {"peer.service": upstream, "http.request.method": method}
        span = _below(ids, f"{method} {upstream}", "client", facts)
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield span
        except BaseException as error:  # noted on the span, and raised on
            span.fail(type(error).__name__)
            raise
        finally:
            self._end(span)

    @contextmanager
    def span(
        self, name: str, facts: Mapping[str, Fact], *, is_apart: bool = False
    ) -> Iterator[Span]:
        """
        The span of a piece of work, as ``servicekit.tracing.spans.Spans`` wants it.
        """
        ids = correlation.current() or correlation.new()
        if not self._is_recorded(ids):
            with correlation.correlated(_unrecorded(ids)):
                yield _UNSEEN
            return
        make = _apart_from if is_apart else _below
        span = make(ids, name, "internal", dict(facts))
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield span
        finally:
            self._end(span)

    async def aclose(self) -> None:
        """
        Send what is left, within a bound.
        """
        await asyncio.to_thread(self.sending.close)

    def _end(self, span: Recorded) -> None:
        span.end_ns = time.time_ns()
        self.sending.put(span)

    def _is_recorded(self, ids: Correlation) -> bool:
        """
        Whoever began the trace has decided; one that begins here is chosen, or not.
        """
        if _above(ids) is not None:
            return ids.sampled
        return self._choice.is_chosen()


class _Unseen:
    """
    What is not recorded: nothing is kept of it.
    """

    def note(self, name: str, fact: Fact) -> None:
        """
        Let go.
        """

    def fail(self, why: str) -> None:
        """
        Let go.
        """


_UNSEEN = _Unseen()


def _below(ids: Correlation, name: str, kind: Kind, facts: dict[str, Fact]) -> Recorded:
    """
    A span below the one that what is done now stands below, or the first of its trace.
    """
    return Recorded(name, kind, facts, ids.trace_id, _new_id(8), _above(ids))


def _apart_from(ids: Correlation, name: str, kind: Kind, facts: dict[str, Fact]) -> Recorded:
    """
    The first span of a trace of its own, linked with the one that what is done now stands below.
    """
    above = _above(ids)
    link = None if above is None else (ids.trace_id, above)
    return Recorded(name, kind, facts, _new_id(16), _new_id(8), None, link)


def _above(ids: Correlation) -> str | None:
    """
    The span that what is done now stands below; None where its trace begins here.
    """
    return ids.span_id if ids.is_span else ids.parent_span_id


def _new_id(n_bytes: int) -> str:
    # Ids must be unlike each other, not unguessable.
    return random.randbytes(n_bytes).hex()  # noqa: S311


def _with_ids_of(span: Recorded, ids: Correlation) -> Correlation:
    return ids._replace(trace_id=span.trace_id, span_id=span.span_id, sampled=True, is_span=True)


def _unrecorded(ids: Correlation) -> Correlation:
    """
    The same, telling whoever is called that nobody records this.
    """
    return ids if ids.is_span else ids._replace(sampled=False, is_span=True)


def _describe(span: Recorded, scope: Scope) -> None:
    route = scope.get("servicekit.route")
    status = scope.get("servicekit.status")
    if route is not None:
        span.name = f"{span.name} {route}"
        span.facts["http.route"] = route
    if status is not None:
        span.facts["http.response.status_code"] = status
        if status >= 500:
            span.fail("")

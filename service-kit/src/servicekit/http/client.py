"""
The client of one upstream: what services use to call each other.

Adapters wrap it and give typed results; they are also the only ones who see
paths and bodies. What may go wrong is told by the errors of ``servicekit.errors``:

- ``UpstreamRefused``: the answer was a 4xx.
- ``UpstreamFailed``: it did not happen, or was safe to ask.
- ``OutcomeUnknown``: a write that may have happened; ask again with the same key.
- ``CircuitOpen``, ``Overloaded``, ``DeadlineExceeded``: it was not tried, or not long enough.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypedDict, Unpack

import httpx

from servicekit import deadline
from servicekit.errors import StorefrontError
from servicekit.http.addresses import Addresses, Params
from servicekit.http.breaker import Breaker
from servicekit.http.call import SAFE_METHODS, Call
from servicekit.http.errors import CallFailed
from servicekit.http.httpx_wire import HttpxWire
from servicekit.http.layer import Wire
from servicekit.http.network import Network
from servicekit.http.observer import Observer
from servicekit.http.pipeline import pipeline
from servicekit.http.policy import DEFAULT_POLICY, Policy
from servicekit.http.reply import Reply
from servicekit.http.requests import (
    IDEMPOTENCY_HEADER,
    Body,
    body_from,
    headers_for,
)
from servicekit.http.translation import error_of_answer, error_of_failure
from servicekit.http.watching import Watched
from servicekit.tracing.spans import Span

#: What stands for a network: one of httpx's kind, of a test's making, or one of ours.
Transport = httpx.AsyncBaseTransport | Wire
#: Opens a span around a call, given the upstream and the method.
SpanOf = Callable[[str, str], AbstractContextManager[Span | None]]


class Sending(TypedDict, total=False):
    """
    What a write may send: one body, as JSON or as a form; an idempotency key makes it repeatable.
    """

    json: object
    form: Mapping[str, str] | None
    params: Params | None
    idempotency_key: str | None
    headers: Mapping[str, str] | None


class ServiceClient:
    """
    Calls one upstream within the bounds of ``policy``, and closes ``network`` when it is closed.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        caller: str,
        policy: Policy = DEFAULT_POLICY,
        authorize: Callable[[], Awaitable[str]] | None = None,
        observer: Observer | None = None,
        span: SpanOf | None = None,
        network: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._caller = caller
        self._addresses = Addresses(base_url)
        self._total_timeout_s = policy.total_timeout_s
        self._observer = observer
        self._span = span
        self._clock = clock
        self.breaker = Breaker(
            name,
            threshold=policy.breaker_threshold,
            open_for_s=policy.breaker_open_for_s,
            max_probes=policy.breaker_max_probes,
            successes_to_close=policy.breaker_successes_to_close,
            on_transition=observer.breaker_changed if observer is not None else None,
            clock=clock,
        )
        self._pipeline = pipeline(
            self._wire_of(network, keep_alive_s=policy.keep_alive_s),
            policy=policy,
            breaker=self.breaker,
            authorize=authorize,
            on_retry=observer.retrying if observer is not None else None,
            clock=clock,
            sleep=sleep,
        )

    async def get(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """
        Read. Repeated by itself where that helps.
        """
        return await self._call("GET", path, params=params, headers=headers)

    async def post(self, path: str, **sending: Unpack[Sending]) -> Reply:
        """
        Write. Sent once, or up to ``max_attempts`` times with an idempotency key.
        """
        return await self._write("POST", path, sending)

    async def put(self, path: str, **sending: Unpack[Sending]) -> Reply:
        """
        As ``post``.
        """
        return await self._write("PUT", path, sending)

    async def patch(self, path: str, **sending: Unpack[Sending]) -> Reply:
        """
        As ``post``.
        """
        return await self._write("PATCH", path, sending)

    async def delete(self, path: str, **sending: Unpack[Sending]) -> Reply:
        """
        As ``post``.
        """
        return await self._write("DELETE", path, sending)

    async def aclose(self) -> None:
        """
        Close the connections. Calls in progress fail.
        """
        await self._pipeline.aclose()

    def _wire_of(self, network: Transport | None, *, keep_alive_s: float) -> Wire:
        if network is None:
            return Network(self._addresses.origin, keep_alive_s=keep_alive_s)
        if isinstance(network, httpx.AsyncBaseTransport):
            return HttpxWire(network, origin=self._addresses.url)
        return network

    async def _write(self, method: str, path: str, sending: Sending) -> Reply:
        return await self._call(
            method,
            path,
            params=sending.get("params"),
            headers=sending.get("headers"),
            body=body_from(sending.get("json"), sending.get("form")),
            key=sending.get("idempotency_key"),
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        key: str | None = None,
    ) -> Reply:
        target = self._addresses.of(path, params)
        with nullcontext() if self._span is None else self._span(self.name, method) as span:
            outgoing = headers_for(
                method,
                body,
                host=self._addresses.host,
                caller=self._caller,
                key=key,
                given=headers,
            )
            call = self._begin(method, target, outgoing, body)
            try:
                return await self._exchange(call)
            finally:
                if span is not None:
                    _describe(span, call)

    def _begin(self, method: str, target: str, headers: dict[str, str], body: Body | None) -> Call:
        now = self._clock()
        left_s = deadline.remaining_s()
        total_s = self._total_timeout_s if left_s is None else min(left_s, self._total_timeout_s)
        return Call(
            upstream=self.name,
            method=method,
            target=target,
            headers=headers,
            content=b"" if body is None else body.content,
            is_safe=method in SAFE_METHODS,
            is_keyed=IDEMPOTENCY_HEADER in headers,
            started_at=now,
            deadline_at=now + total_s,
        )

    async def _exchange(self, call: Call) -> Reply:
        with Watched(self._observer, call, self.breaker, self._clock):
            return await self._send(call)

    async def _send(self, call: Call) -> Reply:
        try:
            answer = await self._pipeline.send(call)
        except (CallFailed, StorefrontError) as failure:
            error = error_of_failure(call, failure)
            if error is failure:
                raise
            raise error from failure
        refusal = error_of_answer(call, answer)
        if refusal is not None:
            raise refusal
        return Reply(
            upstream=self.name,
            status=answer.status,
            headers=answer.headers,
            content=answer.content,
            elapsed_s=self._clock() - call.started_at,
            is_safe=call.is_safe,
        )


def _describe(span: Span, call: Call) -> None:
    if call.status is not None:
        span.note("http.response.status_code", call.status)
    if call.attempts > 1:
        span.note("http.request.resend_count", call.attempts - 1)

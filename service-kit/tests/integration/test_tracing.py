"""
Traces that join services, held against a collector that speaks OTLP over HTTP.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from calling import Calling
from fastapi import APIRouter, FastAPI
from otlp_collector import Collector, collecting
from sample_service import SECRET, sample_app, settings

from servicekit import correlation
from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier
from servicekit.clients import Clients
from servicekit.telemetry import Telemetry
from servicekit.testing import serve
from servicekit.tracing.otlp import Otlp
from servicekit.tracing.recording import Tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
BROUGHT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Correlation-ID": "order-42"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """
    A collector that listens.
    """
    with collecting() as collector:
        yield collector


def caller_app(collector_url: str, upstream_url: str, **values: object) -> FastAPI:
    """
    A service that asks another one.
    """
    chosen = settings(service_name="caller", otel_exporter_otlp_endpoint=collector_url, **values)
    telemetry = Telemetry.configured(chosen)
    clients = Clients(chosen, telemetry)
    upstream = clients.to("sample", upstream_url)
    routes = APIRouter()

    @routes.get("/ask/{thing_id}", dependencies=[PUBLIC], summary="Ask")
    async def ask(thing_id: int) -> object:
        return (await upstream.get(f"/things/{thing_id}")).json()

    return create_service(
        chosen,
        title="Caller",
        description="",
        verifier=TokenVerifier.hs256(SECRET, issuer="i", audience="a"),
        routers=[routes],
        resources=[clients.running],
        telemetry=telemetry,
    )


async def test_one_trace_joins_the_services_of_a_request(
    calling: Calling, collector: Collector
) -> None:
    """
    The caller's request, its call, and the other service's request are one chain of one trace.
    """
    sample = sample_app(otel_exporter_otlp_endpoint=collector.url)

    async with serve(sample) as url, calling(caller_app(collector.url, url)) as client:
        answer = await client.get("/ask/7", headers=BROUGHT)

    assert answer.headers["X-Trace-ID"] == TRACE
    outer, call = collector.named("GET /ask/{thing_id}"), collector.named("GET sample")
    inner = collector.named("GET /things/{thing_id}")
    assert {one.trace_id for one in (outer, call, inner)} == {TRACE}
    assert outer.span.parent_span_id.hex() == "b7ad6b7169203331"
    assert call.span.parent_span_id == outer.span.span_id
    assert inner.span.parent_span_id == call.span.span_id
    assert (outer.service, inner.service) == ("caller", "sample-service")
    assert call.facts["http.response.status_code"] == 200


async def test_a_span_tells_how_the_request_went(calling: Calling, collector: Collector) -> None:
    """
    Route, status and correlation id stand in the span; a 5xx marks it as failed.
    """
    async with calling(sample_app(otel_exporter_otlp_endpoint=collector.url)) as client:
        await client.get("/crash", headers={"X-Correlation-ID": "order-42"})

    sent = collector.named("GET /crash")
    assert sent.facts["http.route"] == "/crash"
    assert sent.facts["http.response.status_code"] == 500
    assert sent.facts["correlation.id"] == "order-42"
    assert sent.span.status.code == 2


async def test_a_failed_call_marks_its_span(calling: Calling, collector: Collector) -> None:
    """
    A call that fails is marked with what kind of failure it was, and with how often it was sent again.
    """
    async with calling(caller_app(collector.url, "http://127.0.0.1:9")) as client:
        answer = await client.get("/ask/7")

    assert answer.status_code == 502
    call = collector.named("GET sample")
    assert (call.span.status.code, call.span.status.message) == (2, "UpstreamFailed")
    assert call.facts["http.request.resend_count"] == 1


async def test_a_collector_that_is_away_harms_nobody(calling: Calling) -> None:
    """
    Requests are answered whether or not anybody takes the traces.
    """
    async with calling(sample_app(otel_exporter_otlp_endpoint="http://127.0.0.1:9")) as client:
        answer = await client.get("/things/1", headers=BROUGHT)

    assert (answer.status_code, answer.headers["X-Trace-ID"]) == (200, TRACE)


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded() -> None:
    """
    Whoever does not trace does not pay for it. (Libraries import OpenTelemetry's API by themselves.)
    """
    program = (
        "import sys, servicekit.app, servicekit.commands, servicekit.http.metrics, servicekit.durable;"
        "costly = ('opentelemetry.sdk', 'opentelemetry.exporter', 'servicekit.tracing.recording', 'servicekit.tracing.otlp');"
        "print([name for name in sys.modules if name.startswith(costly)])"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"


async def test_a_sampled_out_trace_stays_so(calling: Calling, collector: Collector) -> None:
    """
    Where the caller decided not to record, nothing is recorded here either.
    """
    brought = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}

    async with calling(sample_app(otel_exporter_otlp_endpoint=collector.url)) as client:
        answer = await client.get("/things/1", headers=brought)

    assert answer.headers["X-Trace-ID"] == TRACE
    assert collector.sent == []


async def test_the_share_that_is_not_recorded_is_recorded_nowhere(
    calling: Calling, collector: Collector
) -> None:
    """
    Who begins a trace decides for all whom it calls: with a share of 0 nobody records anything.
    """
    sample = sample_app(otel_exporter_otlp_endpoint=collector.url)

    async with serve(sample) as url:
        app = caller_app(collector.url, url, otel_traces_sampler_arg=0.0)
        async with calling(app) as client:
            answer = await client.get("/ask/7")

    assert answer.status_code == 200
    assert collector.sent == []


async def test_whoever_decided_before_decides(calling: Calling, collector: Collector) -> None:
    """
    A trace that its caller records is recorded, whatever our own share is.
    """
    app = sample_app(otel_exporter_otlp_endpoint=collector.url, otel_traces_sampler_arg=0.0)

    async with calling(app) as client:
        await client.get("/things/1", headers=BROUGHT)

    assert [one.trace_id for one in collector.sent] == [TRACE]


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_stranger_names_the_trace_and_does_not_have_it_recorded(
    calling: Calling, collector: Collector, flags: str
) -> None:
    """
    Where strangers call, our own share decides for us and for all whom we call, whatever they have decided; their
    trace's id is kept.
    """
    brought = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{flags}"}
    unrecorded, recorded = (
        {"traceparent_from": "strangers", "otel_traces_sampler_arg": share} for share in (0.0, 1.0)
    )

    async with serve(sample_app(otel_exporter_otlp_endpoint=collector.url)) as url:
        async with calling(caller_app(collector.url, url, **unrecorded)) as client:
            left_out = await client.get("/ask/7", headers=brought)
        async with calling(caller_app(collector.url, url, **recorded)) as client:
            chosen = await client.get("/ask/7", headers=brought)

    assert left_out.headers["X-Trace-ID"] == chosen.headers["X-Trace-ID"] == TRACE
    assert collector.paths(TRACE) == [
        "? > GET /ask/{thing_id}",
        "? > GET /ask/{thing_id} > GET sample",
        "? > GET /ask/{thing_id} > GET sample > GET /things/{thing_id}",
    ]


async def test_a_rush_of_requests_is_recorded_up_to_a_bound(
    calling: Calling, collector: Collector
) -> None:
    """
    Beyond so many a second whole traces are left out, those of services' own requests as those of strangers.
    """
    app = sample_app(
        otel_exporter_otlp_endpoint=collector.url,
        traces_per_second=0.001,
        traceparent_from="strangers",
    )

    async with calling(app) as client:
        for headers in (BROUGHT, {}, BROUGHT):
            assert (await client.get("/things/1", headers=headers)).status_code == 200

    assert [one.trace_id for one in collector.sent] == [TRACE]


async def test_probes_and_scrapes_are_not_traced(calling: Calling, collector: Collector) -> None:
    """
    What comes every few seconds and tells nothing new makes no spans.
    """
    async with calling(sample_app(otel_exporter_otlp_endpoint=collector.url)) as client:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200

    assert collector.sent == []


async def test_what_goes_on_later_stands_below_the_request_that_it_belongs_to(
    collector: Collector,
) -> None:
    """
    Work that was written down by its traceparent joins the trace, in whatever process.
    """
    tracing = Tracing(Otlp.to(collector.url, service="later", version="1"))
    ids = correlation.resumed("order-42", BROUGHT["traceparent"])

    with correlation.correlated(ids), tracing.span("goes-on", {"x": 1}) as span:
        span.note("y", "z")
        inside = correlation.current()
    await tracing.aclose()

    sent = collector.named("goes-on")
    assert inside is not None
    assert (inside.trace_id, inside.span_id) == (TRACE, sent.span.span_id.hex())
    assert (sent.trace_id, sent.span.parent_span_id.hex()) == (TRACE, "b7ad6b7169203331")
    assert sent.facts == {"x": 1, "y": "z"}


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_what_stands_apart_is_linked_and_as_recorded_as_what_it_is_linked_with(
    collector: Collector, *, is_recorded: bool
) -> None:
    """
    A trace of its own with a link; of a trace that is not recorded nothing is.
    """
    tracing = Tracing(Otlp.to(collector.url, service="apart", version="1"), share=0.0)
    flags = "01" if is_recorded else "00"
    ids = correlation.resumed("order-42", f"00-{TRACE}-b7ad6b7169203331-{flags}")

    with correlation.correlated(ids), tracing.span("apart", {}, is_apart=True):
        inside = correlation.current()
    await tracing.aclose()

    assert inside is not None
    assert (inside.trace_id != TRACE) is is_recorded
    assert inside.correlation_id == "order-42"
    linked = [
        (link.trace_id.hex(), link.span_id.hex())
        for one in collector.sent
        for link in one.span.links
    ]
    assert linked == ([(TRACE, "b7ad6b7169203331")] if is_recorded else [])

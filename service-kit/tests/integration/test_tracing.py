"""
Traces that join services, held against a collector that speaks OTLP over HTTP.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from calling import Calling
from fastapi import APIRouter, FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sample_service import SECRET, sample_app, settings

from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier
from servicekit.clients import Clients
from servicekit.telemetry import Telemetry
from servicekit.testing import serve

TRACE = "0af7651916cd43dd8448eb211c80319c"
BROUGHT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Correlation-ID": "order-42"}


class Collector:
    """
    Keeps the spans that services send.
    """

    def __init__(self) -> None:
        spans = self.spans = dict[str, tuple[str, Span]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
                    attributes = {a.key: a.value.string_value for a in sent.resource.attributes}
                    for span in sent.scope_spans[0].spans:
                        spans[span.name] = (attributes["service.name"], span)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """
    A collector that listens.
    """
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.01,))
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def caller_app(collector_url: str, upstream_url: str) -> FastAPI:
    """
    A service that asks another one.
    """
    chosen = settings(service_name="caller", otel_exporter_otlp_endpoint=collector_url)
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
    outer_service, outer = collector.spans["GET /ask/{thing_id}"]
    _, call = collector.spans["GET sample"]
    inner_service, inner = collector.spans["GET /things/{thing_id}"]
    assert {span.trace_id.hex() for span in (outer, call, inner)} == {TRACE}
    assert outer.parent_span_id.hex() == "b7ad6b7169203331"
    assert call.parent_span_id == outer.span_id
    assert inner.parent_span_id == call.span_id
    assert (outer_service, inner_service) == ("caller", "sample-service")


async def test_a_span_tells_how_the_request_went(calling: Calling, collector: Collector) -> None:
    """
    Route, status and correlation id stand in the span; a 5xx marks it as failed.
    """
    async with calling(sample_app(otel_exporter_otlp_endpoint=collector.url)) as client:
        await client.get("/crash", headers={"X-Correlation-ID": "order-42"})

    _, span = collector.spans["GET /crash"]
    told = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
    assert told["http.route"] == "/crash"
    assert told["http.response.status_code"] == 500
    assert told["correlation.id"] == "order-42"
    assert span.status.code == 2


async def test_a_failed_call_marks_its_span(calling: Calling, collector: Collector) -> None:
    """
    A call that fails is marked with what kind of failure it was.
    """
    async with calling(caller_app(collector.url, "http://127.0.0.1:9")) as client:
        answer = await client.get("/ask/7")

    assert answer.status_code == 502
    _, call = collector.spans["GET sample"]
    assert (call.status.code, call.status.message) == (2, "UpstreamFailed")


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
        "import sys, servicekit.app, servicekit.commands, servicekit.http.metrics;"
        "costly = ('opentelemetry.sdk', 'opentelemetry.exporter', 'servicekit.tracing');"
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
    assert collector.spans == {}

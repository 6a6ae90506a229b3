"""
A collector that speaks OTLP over HTTP on a real socket, and can be ill.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Sent:
    """
    A span, and the service that sent it.
    """

    service: str
    span: Span

    @property
    def name(self) -> str:
        """
        What it is called.
        """
        return self.span.name

    @property
    def trace_id(self) -> str:
        """
        In hexadecimal.
        """
        return self.span.trace_id.hex()

    @property
    def facts(self) -> Mapping[str, str | int | bool]:
        """
        Its attributes.
        """
        told = {}
        for one in self.span.attributes:
            kind = one.value.WhichOneof("value")
            told[one.key] = getattr(one.value, kind) if kind else ""
        return told


class Collector:
    """
    Keeps what is sent. ``status`` is what it answers, once ``may_answer``.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.requests = 0
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def named(self, name: str) -> Sent:
        """
        The one span of that name.
        """
        (found,) = [one for one in self.sent if one.name == name]
        return found

    def paths(self, trace_id: str) -> list[str]:
        """
        The spans of one trace in their order, each as the names from its root: ``POST /x > y``.
        """
        its = [one for one in self.sent if one.trace_id == trace_id]
        by_id = {one.span.span_id: one for one in its}

        def path(one: Sent) -> str:
            above = by_id.get(one.span.parent_span_id)
            prefix = f"{path(above)} > " if above else "" if not one.span.parent_span_id else "? > "
            return prefix + one.name

        return [path(one) for one in sorted(its, key=lambda one: one.span.start_time_unix_nano)]


@contextmanager
def collecting() -> Iterator[Collector]:
    """
    A collector that listens while inside.
    """
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield collector
    finally:
        collector.may_answer.set()
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests += 1
            collector.may_answer.wait()
            if collector.status == 200:
                collector.sent += _spans(body)
            try:
                self.send_response(collector.status)
                self.end_headers()
            except BrokenPipeError:
                self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    return Handler


def _spans(body: bytes) -> Iterator[Sent]:
    for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
        attributes = {one.key: one.value.string_value for one in sent.resource.attributes}
        for scope in sent.scope_spans:
            for span in scope.spans:
                yield Sent(attributes["service.name"], span)

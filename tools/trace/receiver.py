"""
A collector of the tool's own: takes what services send by OTLP over HTTP, and keeps it.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tools.trace.spans import Span, spans_in


class Receiver:
    """
    The spans that have come so far, and where they are to be sent.
    """

    def __init__(self, url: str, spans: list[Span]) -> None:
        self.url = url
        self._spans = spans

    def spans(self) -> Sequence[Span]:
        """
        As they came.
        """
        return tuple(self._spans)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """
    A receiver that listens, on this machine only, while inside.
    """
    spans: list[Span] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _taking_into(spans)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="receiver")
        thread.start()
        try:
            yield Receiver(f"http://127.0.0.1:{server.server_port}", spans)
        finally:
            server.shutdown()
            thread.join()


def _taking_into(spans: list[Span]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        #: A service that goes without a word must not hold the end up.
        timeout = 5

        def do_POST(self) -> None:
            spans.extend(spans_in(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    return Handler

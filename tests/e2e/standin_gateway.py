"""
A gateway that knows one product and one order, answers as it should, and wrongly where a test says so.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODES = {"SUMMER20"}
ORDER_ID = "0" * 32
PRODUCT: Mapping[str, object] = {
    "id": "TEST-001",
    "name": "Aurora Wireless Earbuds",
    "available": 140,
    "price": "79.95",
    "currency": "USD",
    "complete": True,
    "unavailable": [],
}
ORDER: Mapping[str, object] = {
    "orderId": ORDER_ID,
    "status": "CONFIRMED",
    "items": [{"productId": "TEST-001", "quantity": 2, "unitPrice": "79.95"}],
    "subtotal": "159.90",
    "discount": "31.98",
    "tax": "0.00",
    "totalPrice": "127.92",
    "currency": "USD",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What is answered; ``status`` 0 hangs up instead. A text as body is sent as it is.
    """

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)

    def saying(self, **facts: object) -> "Reply":
        """
        The same, saying something else in its body.
        """
        assert isinstance(self.body, dict)
        return replace(self, body={**self.body, **facts})

    def lacking(self, name: str) -> "Reply":
        """
        The same without a part of its body.
        """
        assert isinstance(self.body, dict)
        return replace(self, body={key: self.body[key] for key in self.body if key != name})


@dataclass(frozen=True, slots=True)
class Request:
    """
    What was asked.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def wish(self) -> Mapping[str, object]:
        """
        The JSON object that was sent.
        """
        told = json.loads(self.body)
        assert isinstance(told, dict)
        return told


Fault = Callable[[Reply], Reply]


class StandinGateway:
    """
    ``faults`` change what is answered at a station, by its name: ``list``, ``product``, ``order``,
    ``again``, ``cancel``, ``cancelled``, ``too-many``, ``wrong-code``, ``token``.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self._keys: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """
        The right answer, or what a fault makes of it.
        """
        self.requests.append(request)
        station, reply = self._right(request)
        right = replace(reply, headers={"X-Correlation-ID": "c-1", **reply.headers})
        return self.faults[station](right) if station in self.faults else right

    def _right(self, request: Request) -> tuple[str, Reply]:
        match request.method, request.path.removeprefix("/api/v1"):
            case "GET", "/products?size=20":
                return "list", Reply(200, {"items": [PRODUCT]})
            case "GET", "/products/TEST-001":
                return "product", Reply(200, PRODUCT)
            case "POST", "/orders":
                return self._order(request)
            case "POST", path if path == f"/orders/{ORDER_ID}/cancel":
                return "cancel", Reply(200, {**ORDER, "status": "CANCELLED"})
            case "GET", path if path == f"/orders/{ORDER_ID}":
                return "cancelled", Reply(200, {**ORDER, "status": "CANCELLED"})
            case "POST", "/auth/token":
                return "token", Reply(200, {"access_token": "t-1", "token_type": "bearer"})
            case other:
                raise AssertionError(other)

    def _order(self, request: Request) -> tuple[str, Reply]:
        items, codes = request.wish["items"], request.wish["discountCodes"]
        assert isinstance(items, list)
        assert isinstance(codes, list)
        if items[0]["quantity"] > 140:
            left = {"productId": "TEST-001", "wanted": items[0]["quantity"], "left": 140}
            return "too-many", _refusal(409, "OUT_OF_STOCK", {"items": [left]})
        if unknown := set(codes) - CODES:
            told = [{"code": code, "reason": "UNKNOWN"} for code in unknown]
            return "wrong-code", _refusal(422, "INVALID_DISCOUNT", {"codes": told})
        key = request.headers["idempotency-key"]
        if key in self._keys:
            return "again", Reply(201, ORDER, {"Idempotency-Replayed": "true"})
        self._keys.add(key)
        return "order", Reply(201, ORDER)

    @contextmanager
    def served(self) -> Iterator[str]:
        """
        Listens on a free port of the loopback; yields the address.
        """
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _refusal(status: int, code: str, details: Mapping[str, object]) -> Reply:
    error = {"code": code, "message": "No.", "details": details}
    return Reply(status, {"error": error, "request_id": "c-1"})


def _handler(gateway: StandinGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0"))).decode()
            reply = gateway.answer(Request(self.command, self.path, headers, body))
            if reply.status == 0:
                return
            sent = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent.encode())

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler

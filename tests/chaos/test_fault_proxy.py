"""
What the faulty network does to calls, and that it does nothing else.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from servicekit.testing import eventually
from tests.chaos.fault_proxy import FaultProxy, Faults, Moment, Passage
from tests.chaos.http_messages import Message, read_answer, read_request

RESERVE = "/api/v1/stock/reservations"


@dataclass
class Backend:
    """
    Counts what reaches it, and answers with a number.
    """

    port: int = 0
    requests: list[Message] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        One connection.
        """
        while (request := await read_request(reader)) is not None:
            self.requests.append(request)
            body = json.dumps({"number": len(self.requests)}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()


@asynccontextmanager
async def served() -> AsyncIterator[Backend]:
    """
    A backend on a port of its own.
    """
    backend = Backend()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        server.close()


@asynccontextmanager
async def proxied(proxy: FaultProxy) -> AsyncIterator[httpx.AsyncClient]:
    """
    A client that reaches the backend through ``proxy``.
    """
    async with (
        proxy.running() as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield client


async def reserved(client: httpx.AsyncClient, order_id: str = "o1") -> httpx.Response:
    """
    What a reservation is answered with.
    """
    return await client.post(RESERVE, json={"orderId": order_id})


async def given_up(client: httpx.AsyncClient, has_happened: Callable[[], bool]) -> None:
    """
    A reservation whose caller still waits when that has happened, and hears nothing, and then leaves.
    """
    waiting = asyncio.ensure_future(reserved(client))
    await eventually(has_happened)
    heard, _ = await asyncio.wait({waiting}, timeout=0.05)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    assert not heard


async def until_reset(reader: asyncio.StreamReader) -> bytes:
    """
    What comes before the connection is broken off; an orderly end is an error.
    """
    received = b""
    with suppress(ConnectionResetError):
        while True:
            received += await reader.readexactly(1)
    return received


async def test_without_faults_a_call_arrives_as_it_was_sent_and_its_answer_as_well() -> None:
    """
    Bytes pass unchanged, and a connection serves many calls.
    """
    async with served() as backend, proxied(FaultProxy(backend.port)) as client:
        first = await client.post("/echo", content=b'{"a": "\xc3\xa4"}')
        second = await client.get("/echo")

    assert [first.json(), second.json()] == [{"number": 1}, {"number": 2}]
    assert backend.requests[0].body == b'{"a": "\xc3\xa4"}'
    assert backend.requests[1].path == "/echo"


async def test_a_reset_breaks_the_call_before_it_has_arrived() -> None:
    """
    The caller gets a broken connection, and the backend hears nothing.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(resets=True)
        async with proxied(proxy) as client:
            with pytest.raises(httpx.NetworkError):
                await reserved(client)

    assert backend.requests == []
    assert proxy.happened == {"reset": 1}


async def test_a_blackhole_takes_a_call_and_answers_nothing_until_faults_change() -> None:
    """
    The caller waits for as long as it likes to; the next call passes once the faults are gone.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(is_blackhole=True)
        async with proxied(proxy) as client:
            await given_up(client, lambda: proxy.happened == {"blackhole": 1})
        assert backend.requests == []

        proxy.faults = Faults()
        async with proxied(proxy) as client:
            assert (await reserved(client)).json() == {"number": 1}


async def test_a_lost_answer_is_lost_after_the_effect() -> None:
    """
    The backend has done what was asked, and the caller does not know.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(lost_answers=1.0)
        async with proxied(proxy) as client:
            with pytest.raises(httpx.TransportError):
                await reserved(client)

    assert len(backend.requests) == 1
    assert proxy.happened == {"lost answer": 1}


async def test_a_silently_lost_answer_leaves_the_connection_open() -> None:
    """
    The caller has to give up by itself.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(lost_answers=1.0, silent=1.0)
        async with proxied(proxy) as client:
            await given_up(client, lambda: proxy.happened == {"lost answer": 1})

    assert len(backend.requests) == 1


async def test_a_late_request_arrives_after_its_caller_has_heard_the_end() -> None:
    """
    The caller sees a broken connection, and the backend gets the request all the same.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(late_requests=1.0, late_s=0.01)
        async with proxied(proxy) as client:
            with pytest.raises(httpx.TransportError):
                await reserved(client)
            await proxy.quiet()

    assert [request.path for request in backend.requests] == [RESERVE]


async def test_an_answer_is_cut_after_as_many_bytes_as_asked_for() -> None:
    """
    Exactly so many bytes of the answer come, and then the end.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        proxy.faults = Faults(cut_after_bytes=24)
        async with proxy.running() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            received = await until_reset(reader)
            writer.close()

    assert received == b"HTTP/1.1 200 OK\r\nContent"


async def test_a_call_whose_backend_is_gone_breaks() -> None:
    """
    Where nobody listens any more the caller's connection is broken, and works again afterwards.
    """
    async with served() as backend:
        proxy = FaultProxy(backend.port)
        async with proxied(proxy) as client:
            proxy._target_port = 1
            with pytest.raises(httpx.TransportError):
                await reserved(client)
            proxy._target_port = backend.port
            answer = await reserved(client)

    assert answer.json() == {"number": 1}


async def test_rates_are_met_and_repeat_themselves_with_their_seed() -> None:
    """
    One in twenty is one in twenty, and the same ones with the same seed.
    """
    draws = []
    for seed in ("a", "a", "b"):
        proxy = FaultProxy(1, seed=seed)
        draws.append([proxy._draw(0.05) for _ in range(10_000)])

    assert draws[0] == draws[1] != draws[2]
    assert 400 < sum(draws[0]) < 600


async def test_passages_of_an_order_are_told_before_they_go_on() -> None:
    """
    Whoever is told ``asked`` can end the backend before the call reaches it.
    """
    told: list[tuple[Passage, int]] = []

    async with served() as backend:

        async def on_passage(passage: Passage) -> None:
            told.append((passage, len(backend.requests)))

        async with proxied(FaultProxy(backend.port, on_passage=on_passage)) as client:
            await reserved(client, "o7")
            await client.get(RESERVE)

    assert told == [
        (Passage("reserve", Moment.ASKED, "o7"), 0),
        (Passage("reserve", Moment.ANSWERED, "o7"), 1),
        (Passage("reserve", Moment.DELIVERED, "o7"), 1),
    ]


async def test_chunked_answers_are_read_to_their_last_chunk() -> None:
    """
    An answer without a length passes whole.
    """
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    reader = asyncio.StreamReader()
    reader.feed_data(raw + b"HTTP/1.1 204 No Content\r\n\r\n")

    answers = [await read_answer(reader), await read_answer(reader)]

    assert [answer.raw for answer in answers if answer] == [raw, b"HTTP/1.1 204 No Content\r\n\r\n"]

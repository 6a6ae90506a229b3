"""
Which network to put under the service client: calls a second of the caller's processor, on the loopback.

A small server runs in a process of its own. Each way of calling it has its own
process too, because whether ``sniffio`` can be imported is decided once in a
process; all take turns, round by round, so that a noisy moment strikes all alike.
Each figure is the median round; what the server and others of the machine take does not count in it.
``docs/decisions/0002-connections-of-our-own.md`` draws the conclusion.
"""

import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Final, cast

ROUNDS: Final = 5
CALLS: Final = 400
AT_ONCE: Final = 64
CONNECTIONS: Final = (8, 32, 100)
PATH: Final = "/api/v1/products"
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
BODY: Final = b'{"items":[' + b",".join([b'{"id":"TEST-001","available":5}'] * 8) + b"]}"

Get = Callable[[], Awaitable[object]]


def measure() -> dict[str, float]:
    """
    Calls a second for each way, and how many times httpx's own pool of 100 that is.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    url: str = ours.recv()
    ways = [f"httpx_{n}_{sniffio}" for n in CONNECTIONS for sniffio in ("sniffio", "no_sniffio")]
    ways += ["network_alone", "service_client", "aiohttp_alone"]
    callers = {way: _Caller(way, url) for way in ways}
    rounds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, caller in callers.items():
            rounds[way].append(caller.round())
    for caller in callers.values():
        caller.end()
    server.terminate()
    server.join()
    rates = {way: statistics.median(of_way) for way, of_way in rounds.items()}
    base = rates["httpx_100_sniffio"]
    return {f"{way}_per_s": rate for way, rate in rates.items()} | {
        f"{way}_ratio": rate / base for way, rate in rates.items()
    }


class _Caller:
    """
    One way of calling, in a process of its own.
    """

    def __init__(self, way: str, url: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_call, args=(way, url, theirs), daemon=True)
        self._process.start()

    def round(self) -> float:
        self._pipe.send("round")
        rate: float = self._pipe.recv()
        return rate

    def end(self) -> None:
        self._pipe.send("end")
        self._process.join()


def _serve(pipe: Connection) -> None:
    import uvloop  # noqa: PLC0415 - each process imports what it is to measure

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            # uvloop's transports are no subclasses of asyncio's.
            self.transport = cast("asyncio.Transport", transport)
            self.head = b""

        def data_received(self, data: bytes) -> None:
            self.head += data
            while b"\r\n\r\n" in self.head:
                self.head = self.head.partition(b"\r\n\r\n")[2]
                self.transport.write(ANSWER % (len(BODY), BODY))

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()

    uvloop.run(run())


def _call(way: str, url: str, pipe: Connection) -> None:
    if way.endswith("no_sniffio"):
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # makes its import fail
    import uvloop  # noqa: PLC0415 - each process imports what it is to measure

    async def run() -> None:
        async with _getter(way, url) as get:
            while await asyncio.to_thread(pipe.recv) == "round":
                pipe.send(await _rate(get))

    uvloop.run(run())


async def _rate(get: Get) -> float:
    left = iter(range(CALLS))

    async def caller() -> None:
        for _ in left:
            await get()

    began_at_s = time.process_time()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return CALLS / (time.process_time() - began_at_s)


@asynccontextmanager
async def _getter(way: str, url: str) -> AsyncIterator[Get]:
    if way == "aiohttp_alone":
        async with _aiohttp_alone(url) as get:
            yield get
    elif way == "network_alone":
        async with _network_alone(url) as get:
            yield get
    elif way == "service_client":
        async with _service_client(url) as get:
            yield get
    else:
        async with _httpx(way, url) as get:
            yield get


@asynccontextmanager
async def _httpx(way: str, url: str) -> AsyncIterator[Get]:
    import httpx  # noqa: PLC0415 - after sniffio is hidden

    limits = httpx.Limits(max_connections=int(way.split("_")[1]))
    transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
    async with httpx.AsyncClient(transport=transport, base_url=url, timeout=30) as client:
        yield lambda: client.get(PATH)


@asynccontextmanager
async def _network_alone(url: str) -> AsyncIterator[Get]:
    from servicekit.http.addresses import Addresses  # noqa: PLC0415 - imports httpx
    from servicekit.http.call import Call  # noqa: PLC0415 - imports httpx
    from servicekit.http.network import Network  # noqa: PLC0415 - imports httpx

    addresses = Addresses(url)
    network = Network(addresses.origin, keep_alive_s=4)
    headers = {"Host": addresses.host}

    async def get() -> bytes:
        call = Call("bench", "GET", PATH, headers, b"", True, False, 0, 0)  # noqa: FBT003 - as the client makes it
        return (await network.exchange(call, within_s=30, max_bytes=8 << 20)).content

    yield get
    await network.aclose()


@asynccontextmanager
async def _service_client(url: str) -> AsyncIterator[Get]:
    from servicekit import correlation  # noqa: PLC0415 - imports httpx
    from servicekit.http import ServiceClient  # noqa: PLC0415 - imports httpx

    client = ServiceClient("bench", url, caller="bench")
    with correlation.correlated(correlation.new()):
        yield lambda: client.get(PATH)
    await client.aclose()


@asynccontextmanager
async def _aiohttp_alone(url: str) -> AsyncIterator[Get]:
    import aiohttp  # noqa: PLC0415 - each process imports what it is to measure

    async def get() -> bytes:
        async with session.get(url + PATH) as response:
            return await response.read()

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield get


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:36} {value:10.2f}")

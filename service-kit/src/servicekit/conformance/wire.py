"""
HTTP/1.1 by hand, over asyncio's streams.

No client library would send what these checks have to send (broken requests, a
header twice, half a body) nor show what came back untouched; and the kit's own
client would retry and translate away the very faults that are looked for.
Every wait is bounded and every failure is one exception, :class:`NoAnswer`.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MAX_ANSWER_BYTES: Final = 16 * 2**20
CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 10.0

Headers = Sequence[tuple[str, str]]


class NoAnswer(Exception):
    """
    No HTTP answer came: the message says what happened instead.
    """


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where a service listens. ``prefix`` goes before every path.
    """

    host: str
    port: int
    prefix: str = ""
    is_tls: bool = False

    @classmethod
    def of(cls, base_url: str) -> "Address":
        """
        The address in ``base_url``; raises ValueError where there is none.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no address such as http://127.0.0.1:8003")
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        return cls(parts.hostname, port, parts.path.rstrip("/"), is_tls)

    @property
    def authority(self) -> str:
        """
        What stands in the ``Host`` header.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came back. Header names are in lower case, in the order in which they came.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """
        Every value of the header ``name``.
        """
        return [value for key, value in self.headers if key == name.lower()]

    def header(self, name: str) -> str | None:
        """
        The value of the header ``name``; several are joined as HTTP has it.
        """
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """
        The content type without its parameters.
        """
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """
        The body for people; what is no UTF-8 is replaced.
        """
        return self.body.decode(errors="replace")

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 300 else f"{self.text[:300]}…"
        return f"{self.status} {self.media_type or 'without a content type'}: {shown or '(empty)'}"


class Connection:
    """
    One connection, for as many requests as the service allows.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        """
        Write ``raw`` as it is.
        """
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                self._writer.write(raw)
                await self._writer.drain()
        except TimeoutError:
            raise NoAnswer("the service stopped reading") from None
        except OSError as error:
            raise NoAnswer(f"the connection broke while sending ({_name(error)})") from None

    async def receive(self, *, is_head: bool = False, within_s: float = ANSWER_TIMEOUT_S) -> Answer:
        """
        The next answer, whole.
        """
        try:
            async with asyncio.timeout(within_s):
                return await _read_answer(self._reader, is_head=is_head)
        except TimeoutError:
            raise NoAnswer(f"no answer came within {within_s:g} s") from None
        except asyncio.IncompleteReadError as error:
            what = "in the middle of an answer" if error.partial else "without an answer"
            raise NoAnswer(f"the connection was closed {what}") from None
        except OSError as error:
            raise NoAnswer(f"the connection broke ({_name(error)})") from None
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise NoAnswer(f"the answer is no HTTP/1.1 ({error})") from None

    async def has_answer(self, *, within_s: float) -> bool:
        """
        Whether anything comes in time, be it the end of the connection; for use as a last look.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._reader.read(1)
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    async def is_closed(self, *, within_s: float) -> bool:
        """
        Whether the service closes the connection in time; what it sends before is passed over.
        """
        try:
            async with asyncio.timeout(within_s):
                while await self._reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """
        Let go of the connection at once.
        """
        self._writer.transport.abort()


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Connection]:
    """
    A connection to the service, closed at the end.
    """
    connection = await connect(address)
    try:
        yield connection
    finally:
        connection.close()


async def connect(address: Address) -> Connection:
    """
    A connection to the service; raises NoAnswer where nobody listens.
    """
    tls = ssl.create_default_context() if address.is_tls else None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return Connection(
                *await asyncio.open_connection(address.host, address.port, ssl=tls, limit=2**20)
            )
    except TimeoutError:
        raise NoAnswer(f"no connection within {CONNECT_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise NoAnswer(f"no connection ({_name(error)})") from None


def request_bytes(
    address: Address, method: str, path: str, headers: Headers = (), body: bytes | None = None
) -> bytes:
    """
    A request on the wire. ``Host`` is added, and the length of a body unless a header tells it.
    """
    lines = [f"{method} {address.prefix}{path} HTTP/1.1", f"Host: {address.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    told = {name.lower() for name, _ in headers}
    if body is not None and not told & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


async def _read_answer(reader: asyncio.StreamReader, *, is_head: bool) -> Answer:
    while True:
        status, headers = await _read_head(reader)
        if status >= 200:
            break
    fields = dict(headers)
    if is_head or status in {204, 304}:
        body = b""
    elif "chunked" in fields.get("transfer-encoding", ""):
        body = await _read_chunks(reader)
    elif "content-length" in fields:
        body = await reader.readexactly(_bounded(int(fields["content-length"])))
    else:
        body = await _read_to_end(reader)
    return Answer(status, headers, body)


async def _read_head(
    reader: asyncio.StreamReader,
) -> tuple[int, tuple[tuple[str, str], ...]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status, *_ = [*lines[0].split(" "), ""]
    if not version.startswith("HTTP/1.") or len(status) != 3:
        raise ValueError(f"it begins with {lines[0][:80]!r}")
    headers: list[tuple[str, str]] = []
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    return int(status), tuple(headers)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(_bounded(size + len(body)) - len(body) + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while block := await reader.read(65536):
        body += block
        _bounded(len(body))
    return body


def _bounded(n_bytes: int) -> int:
    if not 0 <= n_bytes <= MAX_ANSWER_BYTES:
        raise ValueError(f"a body of {n_bytes} bytes")
    return n_bytes


def _name(error: OSError) -> str:
    # asyncio gives a TLS or address failure without a number.
    return os.strerror(error.errno) if error.errno else type(error).__name__

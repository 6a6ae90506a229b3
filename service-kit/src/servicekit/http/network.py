"""
The innermost layer: aiohttp under httpx's interface.

aiohttp is several times as fast as httpx's own pool (docs/decisions/0002). The
ready-made bridge, httpx-aiohttp, is not used, because it reports a connection
that was lost after sending as one that was never made, and a write would be
repeated that may have happened. Here the moment at which sending begins is
noted, and decides: before it every error is a ``ConnectError``, after it none is.

By itself aiohttp sends GET, HEAD, PUT and DELETE a second time when the
connection is lost. It does so for ``ClientOSError`` and
``ServerDisconnectedError`` only, so a middleware that turns errors into
httpx's before aiohttp sees them leaves our own retry as the only one.
"""

import io
from collections.abc import AsyncIterator
from contextvars import ContextVar

import aiohttp
import httpx
from aiohttp.connector import Connection
from yarl import URL

from servicekit.http.call import Call, call_of

#: What aiohttp adds by itself unless told not to: what is sent is what the request says.
_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
#: Time is kept by the layers above, and covers the whole attempt.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)

_LARGE_BODY_BYTES = 256 * 1024

_call: ContextVar[Call] = ContextVar("call_on_the_network")


class _Request(aiohttp.ClientRequest):
    """
    Notes the moment at which there is a connection and sending begins.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        _call.get().is_connecting = False
        return await super().send(conn)


class _Body(httpx.AsyncByteStream):
    """
    The body of an answer, as it arrives.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _error_after_sending(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        # A connection whose answer was read to the end has gone back already.
        if not self._response.closed:
            self._response.close()


class Network(httpx.AsyncBaseTransport):
    """
    At most ``max_connections`` connections, each kept for ``keep_alive_s`` when idle.

    Takes nothing from the environment, keeps no cookies, follows no redirects,
    and sends each request at most once.
    """

    def __init__(self, *, max_connections: int, keep_alive_s: float) -> None:
        self._max_connections = max_connections
        self._keep_alive_s = keep_alive_s
        self._opened: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._is_closed:
            raise httpx.ConnectError("the client is closed")
        call = call_of(request)
        call.is_connecting = True
        token = _call.set(call)
        try:
            answer = await self._session().request(
                request.method,
                URL(str(request.url), encoded=True),
                data=_payload(await request.aread()),
                headers=request.headers.multi_items(),
                allow_redirects=False,
            )
        except ValueError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        finally:
            _call.reset(token)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            answer.close()
            raise httpx.RemoteProtocolError("the answer is encoded, though plain was asked for")
        return httpx.Response(answer.status, headers=list(answer.raw_headers), stream=_Body(answer))

    async def aclose(self) -> None:
        self._is_closed = True
        if self._opened is not None:
            await self._opened.close()

    def _session(self) -> aiohttp.ClientSession:
        # Made at the first request, because it belongs to the running event loop.
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections, keepalive_timeout=self._keep_alive_s
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_in_terms_of_httpx,),
                request_class=_Request,
                skip_auto_headers=_ADDED_BY_AIOHTTP,
                timeout=_NO_TIMEOUT,
                trust_env=False,
            )
        return self._opened


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    """
    What aiohttp takes: a large body goes out in pieces, so that it does not hold up the loop.
    """
    return io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body or None


async def _in_terms_of_httpx(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        if _call.get().is_connecting:
            raise httpx.ConnectError(str(error)) from error
        raise _error_after_sending(error) from error


def _error_after_sending(error: Exception) -> httpx.TransportError:
    match error:
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return httpx.RemoteProtocolError(str(error))
        case aiohttp.ServerDisconnectedError():
            return httpx.RemoteProtocolError("the connection was closed without an answer")
        case _:
            return httpx.ReadError(str(error))

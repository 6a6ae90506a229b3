"""
Requests to a collector: no longer than they may take in all, and nothing is read of an answer but its head.

The address may lead to anything by mistake. The exporter's own session would read an answer that never ends into
memory, and wait for one that drips for as long as it drips, since its bounds are for two reads at a time.
Proxies are not asked, nor are they for the services' other calls. Each request has a connection of its own: there is one a second, at most.
"""

import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, parse_headers
from typing import Final
from urllib.parse import SplitResult, urlsplit

#: Of an answer's head; more is not an answer.
_MOST_BYTES: Final = 16 * 1024
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What was answered, in the words of ``requests``.
    """

    status_code: int
    reason: str
    headers: Mapping[str, str]


#: For whoever asks again where it says so: nobody is there, or nobody in time.
_UNREACHED: Final = Answer(503, "not reached", {})


class Session:
    """
    As much of ``requests.Session`` as the exporter uses. It sets ``verify`` and ``cert`` as its variables say.
    """

    def __init__(self) -> None:
        #: A file with the authorities to trust, or True for those of the system.
        self.verify: str | bool = True
        #: A client's certificate: its file, and that of its key where this is another.
        self.cert: str | tuple[str, str] | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes,
        timeout: float,
        allow_redirects: bool,  # noqa: ARG002 - requests' signature; nobody is followed
    ) -> Answer:
        """
        The answer, within ``timeout`` seconds in all. Raises ValueError for what is not one, or leads elsewhere.
        """
        over_at = time.monotonic() + timeout
        address = urlsplit(url)
        try:
            with self._connected(address, over_at) as connection:
                sending = HTTPConnection(address.netloc.rpartition("@")[2])
                sending.sock = connection
                connection.settimeout(_left_s(over_at))
                sending.request(method, address.path, data, {**headers, "Connection": "close"})
                answer = _answer(_head(connection, over_at))
        except OSError:
            return _UNREACHED
        # The exporter would take it for a success.
        if answer.status_code in _REDIRECTS:
            raise ValueError(f"{answer.status_code} leads elsewhere")
        return answer

    def close(self) -> None:
        """
        Nothing is kept.
        """

    def _connected(self, address: SplitResult, over_at: float) -> socket.socket:
        is_tls = address.scheme == "https"
        host, port = address.hostname or "", address.port or (443 if is_tls else 80)
        connection = socket.create_connection((host, port), _left_s(over_at))
        if not is_tls:
            return connection
        with ExitStack() as unless_wrapped:
            # Nobody else knows the connection, until it belongs to the one that is secure.
            unless_wrapped.callback(connection.close)
            connection.settimeout(_left_s(over_at))
            secure = self._tls.wrap_socket(connection, server_hostname=host)
            unless_wrapped.pop_all()
        return secure

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=self.verify if isinstance(self.verify, str) else None
        )
        if self.cert is not None:
            certificate, key = (self.cert, None) if isinstance(self.cert, str) else self.cert
            context.load_cert_chain(certificate, key)
        return context


def _left_s(over_at: float) -> float:
    left_s = over_at - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _head(connection: socket.socket, over_at: float) -> bytes:
    """
    All up to the empty line, and what came along with it.
    """
    head = b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(_left_s(over_at))
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed before the answer")
        head += more
        if len(head) > _MOST_BYTES:
            raise ValueError("no end of the answer's head")
    return head


def _answer(head: bytes) -> Answer:
    status_line, _, rest = head.partition(b"\r\n")
    version, status, *reason = status_line.decode("latin-1").split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP")
    told = {name.lower(): value for name, value in parse_headers(io.BytesIO(rest)).items()}
    return Answer(int(status), " ".join(reason), told)

"""
Where a client sends to: addresses that stay below their base.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote, unquote, urlencode

import httpx

#: What may stand in a query. None leaves the parameter out.
Params = Mapping[str, str | int | bool | Decimal | Sequence[str] | None]

#: As a path goes on the wire; whatever else belongs in one stands there by its numbers.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+")
_DOT_SEGMENTS = frozenset({".", ".."})
_PORTS = {"http": 80, "https": 443}
#: Queries are mostly new, but paths come back: to check one takes 1 µs, a third of what all layers do.
_KEPT_PATHS = 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """
    To whom a connection is made.
    """

    scheme: str
    host: str
    port: int


def segment(text: str) -> str:
    """
    ``text`` as one segment of a path, whatever characters it has.
    """
    if not text or text in _DOT_SEGMENTS:
        raise ValueError(f"cannot stand in a path: {text!r}")
    return quote(text, safe="")


class Addresses:
    """
    Makes addresses below ``base_url``; no path leads out of it.

    httpx reads the base, once. Each address is put together of what needs no reading: httpx takes
    longer for one than all layers of the pipeline together, and most are new.
    """

    def __init__(self, base_url: str) -> None:
        base = httpx.URL(base_url)
        if base.scheme not in _PORTS or not base.host:
            raise ValueError(f"must be an http or https address: {base_url!r}")
        if base.userinfo or base.query or base.fragment:
            raise ValueError("must be without user, query and fragment")
        self.host = base.netloc.decode("ascii")
        self.origin = Origin(
            base.scheme, base.raw_host.decode("ascii"), base.port or _PORTS[base.scheme]
        )
        self.url = f"{base.scheme}://{self.host}"
        self._base_path = base.raw_path.decode("ascii").rstrip("/")

    def of(self, path: str, params: Params | None) -> str:
        """
        The target of ``path``, which begins with a slash and is made with ``segment``.
        """
        target = self._base_path + _checked(path)
        query = _query(params) if params else ""
        return f"{target}?{query}" if query else target


@lru_cache(_KEPT_PATHS)
def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(f"not a path, make it with segment(): {path!r}")
    if "." in unquote(path) and not _DOT_SEGMENTS.isdisjoint(unquote(path).split("/")):
        raise ValueError(f"leads out of its base: {path!r}")
    return path


def _query(params: Params) -> str:
    given = {name: _as_text(value) for name, value in params.items() if value is not None}
    # Commas may stand in a query as they are (RFC 3986).
    return urlencode(given, doseq=True, safe=",")


def _as_text(value: str | int | Decimal | Sequence[str]) -> str | Sequence[str]:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case int():
            return str(value)
        case _:
            return value

"""
Where a client sends to: addresses that stay below their base.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote, unquote, urlencode

import httpx

#: What may stand in a query. None leaves the parameter out.
Params = Mapping[str, str | int | bool | Decimal | Sequence[str] | None]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+")
_DOT_SEGMENTS = frozenset({".", ".."})
#: Parsing an address costs more than all layers of the pipeline: the usual ones are kept. Long
#: ones, such as lists of ids, hardly come again.
_KEPT_ADDRESSES = 1024
_MAX_KEPT_LENGTH = 256


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
    """

    def __init__(self, base_url: str) -> None:
        base = httpx.URL(base_url)
        if base.scheme not in {"http", "https"} or not base.host:
            raise ValueError(f"must be an http or https address: {base_url!r}")
        if base.userinfo or base.query or base.fragment:
            raise ValueError("must be without user, query and fragment")
        self._base = str(base).rstrip("/")
        self.host = base.netloc.decode("ascii")
        self._parsed = lru_cache(maxsize=_KEPT_ADDRESSES)(httpx.URL)

    def of(self, path: str, params: Params | None) -> httpx.URL:
        """
        The address of ``path``, which begins with a slash and is made with ``segment``.
        """
        if not _PATH.fullmatch(path):
            raise ValueError(f"not a path, make it with segment(): {path!r}")
        if "." in unquote(path) and not _DOT_SEGMENTS.isdisjoint(unquote(path).split("/")):
            raise ValueError(f"leads out of its base: {path!r}")
        query = _query(params) if params else ""
        if len(query) > _MAX_KEPT_LENGTH:
            return _with_query(self._parsed(f"{self._base}{path}"), query)
        return self._parsed(f"{self._base}{path}?{query}" if query else f"{self._base}{path}")


def _with_query(address: httpx.URL, query: str) -> httpx.URL:
    """
    ``address`` with a query of our own making, which needs no looking at: httpx looks at each
    character of it, and takes longer for 50 ids than all layers of the pipeline together.
    """
    made = httpx.URL.__new__(httpx.URL)
    made._uri_reference = address._uri_reference._replace(query=query)  # noqa: SLF001 - a test holds it to httpx's own
    return made


def _query(params: Params) -> str:
    given = {name: _as_text(value) for name, value in params.items() if value is not None}
    # Commas may stand in a query as they are (RFC 3986); httpx takes half the time to parse them.
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

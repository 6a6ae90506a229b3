"""
How the catalog's JSON goes out, by the quick way and by the ordinary routes alike.
"""

from collections.abc import Sequence
from typing import Final

from gateway.catalog.etags import etag_of, is_known
from servicekit.lean import Finished

_TYPE: Final = (b"content-type", b"application/json")
#: May be kept, and must be asked about each time: nothing is shown that is older than its request.
_ASK_AGAIN: Final = (b"cache-control", b"no-cache")
_KEEP_NOT: Final = (b"cache-control", b"no-store")


def finished(body: bytes, if_none_match: Sequence[str]) -> Finished:
    """
    A complete answer, or 304 for a client that says in ``If-None-Match`` that it has it.
    """
    etag = etag_of(body)
    tag = (b"etag", etag.encode())
    if if_none_match and is_known(if_none_match, etag):
        return Finished(304, [tag, _ASK_AGAIN], b"")
    return Finished(200, [_length(body), _TYPE, tag, _ASK_AGAIN], body)


def passing(body: bytes) -> Finished:
    """
    What is not complete, or made for one caller, may be otherwise a moment later: nobody keeps it.
    """
    return Finished(200, [_length(body), _TYPE, _KEEP_NOT], body)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)

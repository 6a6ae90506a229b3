"""
What the head of a request tells that the way of every request wants to know, read in one pass.
"""

from collections.abc import Iterable
from typing import Final

from servicekit import deadline
from servicekit.middleware.correlation import ID_HEADERS

DEADLINE: Final = deadline.DEADLINE_HEADER.lower().encode()
LENGTH: Final = b"content-length"
ENCODING: Final = b"transfer-encoding"
_WANTED: Final = ID_HEADERS | {DEADLINE, LENGTH, ENCODING}

Told = dict[bytes, bytes]


def told_by(headers: Iterable[tuple[bytes, bytes]]) -> Told:
    """
    The headers that matter here, by name. One that came twice is no one's word: it is empty,
    and treated like a malformed one.
    """
    told: Told = {}
    for name, value in headers:
        if name in _WANTED:
            told[name] = b"" if name in told else value
    return told

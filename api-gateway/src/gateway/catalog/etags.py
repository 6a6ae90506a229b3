"""
Entity tags: a client that has an answer already is told so, without a body.

A tag is made of the bytes of an answer (a strong one, RFC 9110, section 8.8.3). Only a complete
answer has one: what is missing in an answer may be there a moment later.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

_TAG_BYTES: Final = 12
#: What is quoted, also in ``W/"..."``: reads are compared weakly, so the prefix does not count.
_TAGS: Final = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
#: A star that is a member of the list by itself.
_STAR: Final = re.compile(r"(?:^|,)[ \t]*\*[ \t]*(?:,|$)")


def etag_of(body: bytes) -> str:
    """
    The tag of this very body.
    """
    return f'"{blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'


def is_known(if_none_match: Sequence[str], etag: str) -> bool:
    """
    Whether the client says in ``If-None-Match``, all lines of it, that it has the answer of this tag.
    """
    told = ",".join(if_none_match)
    # Without the tags, since one may hold a star between commas.
    return etag in _TAGS.findall(told) or _STAR.search(_TAGS.sub('""', told)) is not None

"""
What a client gives back: a good answer, read to its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from servicekit.http.translation import error_of_garbage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    An answer with a status below 400.
    """

    upstream: str
    status: int
    #: Names in any case.
    headers: Mapping[str, str]
    content: bytes
    #: From the call's beginning, with all its attempts.
    elapsed_s: float
    is_safe: bool = True

    def json(self) -> JsonValue:
        """
        The content as JSON.

        What cannot be read is ``UpstreamFailed`` for a read; for a write it is
        ``OutcomeUnknown``, because by its status it may have happened.
        """
        try:
            value: JsonValue = orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise error_of_garbage(self.upstream, is_safe=self.is_safe) from error
        return value

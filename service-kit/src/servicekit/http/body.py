"""
Bodies of answers that have been read.
"""

from collections.abc import AsyncIterator

import httpx


class WholeBody(httpx.AsyncByteStream):
    """
    A body that has been read.
    """

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


def body_of(response: httpx.Response) -> bytes:
    """
    The bytes of a response that came through the pipeline.
    """
    if not isinstance(response.stream, WholeBody):
        raise TypeError("not a response of the pipeline")
    return response.stream.content

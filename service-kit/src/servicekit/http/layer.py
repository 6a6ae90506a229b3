"""
What the pipeline is made of, and what stands below it.
"""

from typing import Protocol

from servicekit.http.answer import Received
from servicekit.http.call import Call


class Sender(Protocol):
    """
    Sends calls: a layer with all that are below it.
    """

    async def send(self, call: Call) -> Received:
        """
        The answer to ``call``, of whatever status; raises ``CallFailed`` and errors of ``servicekit.errors``.
        """

    async def aclose(self) -> None:
        """
        Close the connections.
        """


class Layer:
    """
    Closes what it wraps when it is closed; each layer says itself how it passes calls on.
    """

    def __init__(self, inner: Sender) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        """
        Close what is below.
        """
        await self._inner.aclose()


class Wire(Protocol):
    """
    What the pipeline stands on: our own network, or one of httpx's kind.
    """

    async def exchange(self, call: Call, *, within_s: float, max_bytes: int) -> Received:
        """
        Send ``call`` once and read its answer to the end, of at most ``max_bytes``.

        Raises ``CallFailed``, and ``TimeoutError`` after ``within_s``.
        """

    async def aclose(self) -> None:
        """
        Close the connections.
        """

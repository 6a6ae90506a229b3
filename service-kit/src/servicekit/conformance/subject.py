"""
What a check holds in its hands: the service, its own description, and its end.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final

import orjson

from servicekit.conformance.description import Description
from servicekit.conformance.target import Target
from servicekit.conformance.verdicts import Violation
from servicekit.conformance.wire import (
    Address,
    Answer,
    Connection,
    Headers,
    connected,
    request_bytes,
)

if TYPE_CHECKING:
    from servicekit.conformance.ending import Ending

#: How often a request that met a rate limit is sent again, and the longest wait between.
RATE_LIMIT_RETRIES: Final = 3
LONGEST_WAIT_S: Final = 5.0


class Subject:
    """
    One service under examination. What is costly to find out is found out once.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.address: Address = target.address
        self._description: Description | None = None
        self._ending: Ending | None = None

    def connected(self) -> AbstractAsyncContextManager[Connection]:
        """
        A bare connection.
        """
        return connected(self.address)

    def raw(
        self, method: str, path: str, *, headers: Headers = (), body: bytes | None = None
    ) -> bytes:
        """
        A request as it goes over the wire.
        """
        return request_bytes(self.address, method, path, headers, body)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        body: bytes | None = None,
        is_signed_in: bool = False,
    ) -> Answer:
        """
        The answer to one request on a connection of its own; waits where a rate limit asks to.
        """
        if is_signed_in and self.target.token is not None:
            headers = [*headers, ("Authorization", f"Bearer {self.target.token}")]
        answer = await self._ask_once(method, path, headers, body)
        for _ in range(RATE_LIMIT_RETRIES):
            if answer.status != 429:
                break
            await asyncio.sleep(_wait_s(answer))
            answer = await self._ask_once(method, path, headers, body)
        return answer

    async def _ask_once(
        self, method: str, path: str, headers: Headers, body: bytes | None
    ) -> Answer:
        async with self.connected() as connection:
            await connection.send(self.raw(method, path, headers=headers, body=body))
            return await connection.receive(is_head=method == "HEAD")

    async def description(self) -> Description:
        """
        What ``/openapi.json`` says.
        """
        if self._description is None:
            answer = await self.ask("GET", "/openapi.json")
            try:
                content = orjson.loads(answer.body)
            except orjson.JSONDecodeError:
                content = None
            if answer.status != 200 or not isinstance(content, dict):
                raise Violation(
                    seen=f"/openapi.json answers {answer}", expected="the service's description"
                )
            self._description = Description(content)
        return self._description

    async def ending(self, observe: "Callable[[Subject], Awaitable[Ending]]") -> "Ending":
        """
        How the service ends, as ``observe`` sees it: it is stopped once, whoever asks.
        """
        if self._ending is None:
            self._ending = await observe(self)
        return self._ending


def unknown_path() -> str:
    """
    An address that no service has.
    """
    return f"/conformance-{secrets.token_hex(8)}"


def _wait_s(answer: Answer) -> float:
    told = answer.header("retry-after") or ""
    return min(float(told), LONGEST_WAIT_S) if told.isdigit() else 1.0

"""
Waiting in tests: for a condition, with a bound, and never for a fixed time.
"""

import asyncio
import inspect
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

_EVERY_S = 0.01


@overload
async def eventually(
    predicate: Callable[[], Awaitable[T]], *, within_s: float = ..., every_s: float = ...
) -> T: ...


@overload
async def eventually(
    predicate: Callable[[], T], *, within_s: float = ..., every_s: float = ...
) -> T: ...


async def eventually(
    predicate: Callable[[], T | Awaitable[T]], *, within_s: float = 20.0, every_s: float = _EVERY_S
) -> T:
    """
    What ``predicate`` returns, once that is true; an AssertionError if that takes too long.

    A predicate may be a plain or an async function, and may assert: its last complaint is kept.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        value, complaint = await _asked(predicate)
        if value:
            return value
        if time.monotonic() >= give_up_at:
            raise AssertionError(f"not within {within_s} s: {complaint or value!r}") from complaint
        await asyncio.sleep(every_s)


async def _asked(
    predicate: Callable[[], T | Awaitable[T]],
) -> tuple[T | None, AssertionError | None]:
    try:
        value = predicate()
        return (await value if inspect.isawaitable(value) else value), None
    except AssertionError as complaint:
        return None, complaint


def wait_until(predicate: Callable[[], T], *, within_s: float, what: str) -> T:
    """
    As ``eventually``, for code that is not async; ``what`` tells what did not come to be.
    """
    give_up_at = time.monotonic() + within_s
    while not (value := predicate()):
        if time.monotonic() >= give_up_at:
            raise TimeoutError(f"{what}: not within {within_s} s")
        time.sleep(_EVERY_S)
    return value


def unused_port() -> int:
    """
    A port on the loopback that nobody listened on a moment ago.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

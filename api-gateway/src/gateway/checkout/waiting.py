"""
Waiting for what happens in this replica, without asking the database again and again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Calls(Generic[T]):
    """
    Tells something about an order to whoever waits for it at that moment.
    """

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[T]]] = defaultdict(set)

    def tell(self, order_id: str, what: T) -> None:
        """
        Wake all who wait for this order.
        """
        for waiter in self._waiting.pop(order_id, ()):
            if not waiter.done():
                waiter.set_result(what)

    @contextmanager
    def next(self, order_id: str) -> Iterator[asyncio.Future[T]]:
        """
        What will be told first of what is told while inside: look elsewhere, then wait for this.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[order_id].add(waiter)
        try:
            yield waiter
        finally:
            waiter.cancel()
            waiters = self._waiting.get(order_id)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiting[order_id]

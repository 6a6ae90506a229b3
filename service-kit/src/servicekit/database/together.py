"""
Many small transactions as one.

A commit costs about the same for one row as for thirty: it waits for the disk, for a thread, for the network.
While a transaction is on its way, all that is to be written next waits here, and goes out together as
the one that follows. Alone, a caller waits for nobody.

::

    together = Together(database)

    def add_all(connection, rows):                # for all that wait; a result for each
        connection.execute(insert(things), [row.values for row in rows])
        return [row.id for row in rows]

    thing_id = await together.write(add_all, row)

What is told to a caller is committed. Where the transaction of several fails, or meets a row that somebody
else has locked, each has one of its own after all, beside those that follow: one caller's fault, or patience,
is no other's.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection

from servicekit.database.engine import Database
from servicekit.database.translation import is_locked_out
from servicekit.errors import ServiceUnavailable
from servicekit.tracing.spans import Spans
from servicekit.unharmed import Unharmed

Row = TypeVar("Row")
Result = TypeVar("Result")
#: Writes rows, and gives a result for each, in their order; an exception is raised for that row's caller.
#: It may be called again, and does nothing but write: see ``transact_at_once``.
WriteAll = Callable[[Connection, Sequence[Row]], Sequence[Result]]

#: More rows than this are no quicker together, and keep others from the database for longer.
MAX_ROWS: Final = 100
#: How long a transaction of several waits for a locked row.
GROUP_LOCK_S: Final = 0.1
#: How many that were taken apart are written at a time.
_ALONE_AT_ONCE: Final = 8


class Watch(Protocol):
    """
    Is told of transactions, on the event loop.
    """

    def written(self, rows: int) -> None: ...

    def taken_apart(self) -> None: ...


@dataclass(eq=False, slots=True)
class _Wish:
    """
    A row that somebody wants to be written.
    """

    write_all: WriteAll[Any, Any]
    row: Any
    result: "asyncio.Future[Any]"


class Together:
    """
    Writes rows of all kinds, those that wait at the same time in one transaction.
    """

    def __init__(
        self,
        database: Database,
        *,
        max_rows: int = MAX_ROWS,
        watch: Watch | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._database = database
        self._watch = watch
        self._spans = spans
        self._max_rows = max_rows
        self._waiting: list[_Wish] = []
        self._writer: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_ALONE_AT_ONCE)

    async def write(self, write_all: WriteAll[Row, Result], row: Row) -> Result:
        """
        The result for ``row``, once it is committed.

        A caller that is cancelled leaves its row to be written. Rows of one ``write_all`` are in the order
        in which they came; those that came with others are written before or after them.
        """
        if self._spans is None:
            return await self._written(write_all, row)
        with self._spans.span(f"write {write_all.__name__}", {}):
            return await self._written(write_all, row)

    async def _written(self, write_all: WriteAll[Row, Result], row: Row) -> Result:
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wish(write_all, row, result))
        if self._writer is None:
            # Without the caller's context: it is nobody's deadline, and nobody's identity.
            self._writer = asyncio.get_running_loop().create_task(
                self._write_waiting(), name="writes together", context=Context()
            )
        return await result

    async def quiet(self) -> None:
        """
        Wait until all that was asked for is written.
        """
        while tasks := self._alone | ({self._writer} if self._writer else set()):
            await asyncio.wait(tasks)

    async def _write_waiting(self) -> None:
        wishes: Sequence[_Wish] = ()
        try:
            while self._waiting:
                wishes = self._waiting[: self._max_rows]
                del self._waiting[: self._max_rows]
                await self._write_some(wishes)
                wishes = ()
        finally:
            self._writer = None
            # Only where the loop ends under it is anybody left.
            for wish in (*wishes, *self._waiting):
                wish.result.cancel()

    async def _write_some(self, wishes: Sequence[_Wish]) -> None:
        try:
            results = await self._database.transact_at_once(
                partial(_write, wishes), lock_s=GROUP_LOCK_S
            )
        except Exception as failure:  # noqa: BLE001  # whatever it is: it is raised for whoever caused it
            if isinstance(failure, ServiceUnavailable) and not is_locked_out(failure):
                # The database is away for all of them.
                _settle(wishes, [failure] * len(wishes))
            else:
                if self._watch is not None:
                    self._watch.taken_apart()
                self._apart(wishes)
        else:
            if self._watch is not None:
                self._watch.written(len(wishes))
            _settle(wishes, results)

    def _apart(self, wishes: Sequence[_Wish]) -> None:
        """
        A transaction for each, beside those that follow: what waits for a lock holds nobody up.
        """
        for wish in wishes:
            task = asyncio.get_running_loop().create_task(
                self._write_alone(wish), context=Context()
            )
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)

    async def _write_alone(self, wish: _Wish) -> None:
        # Whatever it is, it is raised for whoever caused it.
        with Unharmed(lambda failure: _settle([wish], [failure])):
            async with self._places:
                results = await self._database.transact_at_once(partial(_write, [wish]))
            _settle([wish], results)


def _write(wishes: Sequence[_Wish], connection: Connection) -> Sequence[object]:
    """
    One kind after the other; the results in the order of the wishes.
    """
    kinds: dict[WriteAll[Any, Any], list[_Wish]] = {}
    for wish in wishes:
        kinds.setdefault(wish.write_all, []).append(wish)
    results: dict[_Wish, object] = {}
    # Transactions of several processes take their locks in one order.
    for write_all, its in sorted(kinds.items(), key=lambda kind: kind[0].__qualname__):
        told = write_all(connection, [wish.row for wish in its])
        results |= zip(its, told, strict=True)
    return [results[wish] for wish in wishes]


def _settle(wishes: Sequence[_Wish], results: Sequence[object]) -> None:
    for wish, result in zip(wishes, results, strict=True):
        if wish.result.done():
            continue
        if isinstance(result, Exception):
            wish.result.set_exception(result)
        else:
            wish.result.set_result(result)

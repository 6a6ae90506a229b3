"""
Small transactions that go out as one, on both databases.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from counters import counters, database_with_counters, read_value
from sqlalchemy import Connection, insert, select, update

from servicekit.database import Database, Together
from servicekit.errors import ServiceUnavailable


@dataclass
class Adding:
    """
    Adds counters, and remembers in which companies it was called.
    """

    groups: list[list[str]] = field(default_factory=list)

    def add_all(self, connection: Connection, names: Sequence[str]) -> list[object]:
        """
        The names; one called "refused" is refused by an error of its own.
        """
        self.groups.append([*names])
        rows = [{"name": name, "value": 1} for name in names if name != "refused"]
        if rows:
            connection.execute(insert(counters), rows)
        return [LookupError(name) if name == "refused" else name for name in names]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_counters(database_url, pool_size=3, max_overflow=2) as database:
        yield database


async def names(database: Database) -> set[str]:
    """
    The counters there are beside the first two.
    """
    async with database.read() as connection:
        return {*(await connection.scalars(select(counters.c.name)))} - {"a", "b"}


async def test_what_waits_goes_out_as_one(database: Database) -> None:
    """
    Whatever is asked for while a transaction is on its way is the next one, and everybody is told theirs.
    """
    adding, together = Adding(), Together(database)
    wanted = [f"c{number}" for number in range(20)]

    told = await asyncio.gather(*(together.write(adding.add_all, name) for name in wanted))

    assert told == wanted
    assert await names(database) == {*wanted}
    assert len(adding.groups) <= 2


async def test_nobody_waits_alone(database: Database) -> None:
    """
    One row at a time is one transaction at a time, each committed when it is told.
    """
    adding, together = Adding(), Together(database)

    for name in ("c1", "c2"):
        await together.write(adding.add_all, name)
        assert name in await names(database)

    assert adding.groups == [["c1"], ["c2"]]


async def test_no_transaction_is_larger_than_it_may_be(database: Database) -> None:
    """
    A crowd is written in portions, and each of it is.
    """
    adding, together = Adding(), Together(database, max_rows=4)
    wanted = [f"c{number}" for number in range(10)]

    await asyncio.gather(*(together.write(adding.add_all, name) for name in wanted))

    assert [len(group) for group in adding.groups] == [4, 4, 2]
    assert await names(database) == {*wanted}


async def test_rows_of_different_kinds_share_a_transaction(database: Database) -> None:
    """
    What waits is written together whatever it is, each kind by what writes it.
    """
    one, other, together = Adding(), Adding(), Together(database)

    told = await asyncio.gather(
        together.write(one.add_all, "c1"),
        together.write(other.add_all, "c2"),
        together.write(one.add_all, "c3"),
    )

    assert [*told] == ["c1", "c2", "c3"]
    assert one.groups == [["c1", "c3"]]
    assert other.groups == [["c2"]]


async def test_one_callers_fault_is_no_others(database: Database) -> None:
    """
    Where a row breaks the transaction, each is written by itself, and its caller alone gets the error.
    """
    adding, together = Adding(), Together(database)

    told = await asyncio.gather(
        *(together.write(adding.add_all, name) for name in ("c1", "a", "c2")),
        return_exceptions=True,
    )

    assert [told[0], told[2]] == ["c1", "c2"]
    assert isinstance(told[1], Exception)
    assert await names(database) == {"c1", "c2"}


async def test_a_result_that_is_an_error_is_raised(database: Database) -> None:
    """
    A row can be refused without spoiling the transaction for the others.
    """
    adding, together = Adding(), Together(database)

    told = await asyncio.gather(
        *(together.write(adding.add_all, name) for name in ("c1", "refused", "c2")),
        return_exceptions=True,
    )

    assert [told[0], told[2]] == ["c1", "c2"]
    assert isinstance(told[1], LookupError)
    assert len(adding.groups) == 1


async def test_a_caller_that_leaves_leaves_its_row(database: Database) -> None:
    """
    Cancelling the wait cancels nobody's writing, not even one's own.
    """
    adding, together = Adding(), Together(database)
    leaving = asyncio.create_task(together.write(adding.add_all, "c1"))
    staying = asyncio.create_task(together.write(adding.add_all, "c2"))
    await asyncio.sleep(0)

    leaving.cancel()

    assert await staying == "c2"
    await together.quiet()
    assert await names(database) == {"c1", "c2"}


async def test_a_database_that_is_away_is_told_once_to_all(database: Database) -> None:
    """
    Nobody waits for the failures of everybody before.
    """
    adding, together = Adding(), Together(database)
    await database.aclose()

    told = await asyncio.gather(
        *(together.write(adding.add_all, name) for name in ("c1", "c2")), return_exceptions=True
    )

    assert [type(one) for one in told] == [ServiceUnavailable] * 2
    assert adding.groups == []


@pytest.fixture
async def postgresql(postgres_url: str) -> AsyncIterator[Database]:
    async with database_with_counters(postgres_url, pool_size=3, max_overflow=9) as database:
        yield database


def count_all(connection: Connection, names: Sequence[str]) -> Sequence[str]:
    """
    One more on each of these counters.
    """
    for name in sorted(names):
        change = update(counters).where(counters.c.name == name)
        connection.execute(change.values(value=counters.c.value + 1))
    return names


async def test_a_locked_row_holds_up_nobody_else(postgresql: Database) -> None:
    """
    Whoever has locked a row for long, such as a replica that is frozen, keeps its writer alone waiting.
    """
    together = Together(postgresql)
    async with postgresql.write() as frozen:
        await frozen.run_sync(lambda connection: count_all(connection, ["a"]))

        stuck = asyncio.create_task(together.write(count_all, "a"))
        with_it = asyncio.create_task(together.write(count_all, "b"))
        assert await asyncio.wait_for(with_it, 30) == "b"
        assert await asyncio.wait_for(together.write(count_all, "b"), 30) == "b"

        assert not stuck.done()
    assert await stuck == "a"
    assert (await read_value(postgresql, "a"), await read_value(postgresql, "b")) == (2, 2)


async def test_processes_that_write_the_same_do_not_block_each_other(postgresql: Database) -> None:
    """
    Kinds that came in any order are written in one: two processes' transactions take turns.
    """
    sizes: list[int] = []

    def one_all(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        sizes.append(len(names))
        return count_all(connection, names)

    def other_all(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        return one_all(connection, names)

    mine, theirs = Together(postgresql), Together(postgresql)

    await asyncio.gather(
        *(mine.write(one_all, "a") for _ in range(4)),
        *(mine.write(other_all, "b") for _ in range(4)),
        *(theirs.write(other_all, "b") for _ in range(4)),
        *(theirs.write(one_all, "a") for _ in range(4)),
    )

    assert (await read_value(postgresql, "a"), await read_value(postgresql, "b")) == (8, 8)
    # Nothing had to be taken apart and tried again.
    assert sizes == [4, 4, 4, 4]

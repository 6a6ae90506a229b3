"""
Rows that are written to several tables together, on both databases.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, ForeignKey, Integer, String, Table, select

from servicekit.database import (
    Change,
    Database,
    Insertion,
    Json,
    RowsOf,
    UniqueViolation,
    UtcDateTime,
    new_metadata,
    write_rows,
)

metadata = new_metadata()
shelves = Table(
    "shelves",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("room", String(40)),
    Column("facts", Json),
)
books = Table(
    "books",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shelf", ForeignKey("shelves.name"), nullable=False),
    Column("title", String(40), nullable=False),
    Column("bought_at", UtcDateTime),
)
ADD_SHELVES = Insertion(shelves, "name", "room", "facts")
ADD_BOOKS = Insertion(books, "id", "shelf", "title", "bought_at")
ADD_NEW_BOOKS = Insertion(books, "id", "shelf", "title", "bought_at", unless=["id"])
MOVE_SHELVES = Change(shelves, "name", to=["room", "facts"])

AT = datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)
TALL: Mapping[str, object] = {
    "name": "tall",
    "room": None,
    "facts": {"wood": "ök", "feet": [4, 10**30]},
}
LOW: Mapping[str, object] = {"name": "low", "room": "hall", "facts": None}


def book(
    number: int, *, shelf: str = "tall", title: str = 'It\'s "all" $1 ? :x'
) -> dict[str, object]:
    """
    A row of a book.
    """
    return {"id": number, "shelf": shelf, "title": title, "bought_at": AT}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    try:
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
        yield database
    finally:
        await database.aclose()


async def wrote(database: Database, *parts: RowsOf) -> int:
    """
    What is told of these parts, written in a transaction of their own.
    """
    return await database.transact_at_once(lambda connection: write_rows(connection, parts))


async def kept(database: Database, table: Table) -> list[dict[str, object]]:
    """
    All rows of a table, by its key.
    """
    async with database.read() as connection:
        rows = await connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in rows.mappings()]


async def test_rows_are_kept_as_they_were_given(database: Database) -> None:
    """
    Text, numbers, moments, JSON and nothing come back as they went in, from rows that hold more than that.
    """
    await wrote(database, (ADD_SHELVES, [{**TALL, "colour": "red"}, LOW]), (ADD_BOOKS, [book(1)]))

    assert await kept(database, shelves) == [LOW, TALL]
    assert await kept(database, books) == [book(1)]


async def test_what_is_there_is_left_alone(database: Database) -> None:
    """
    Of rows that are like others only the new ones are added, and so many are told of.
    """
    await wrote(database, (ADD_SHELVES, [TALL]), (ADD_BOOKS, [book(1)]))

    added = await wrote(database, (ADD_NEW_BOOKS, [book(1, title="other"), book(2), book(2)]))

    assert added == 1
    assert await kept(database, books) == [book(1), book(2)]


async def test_rows_are_changed_each_by_its_own_values(database: Database) -> None:
    """
    A change finds its row by the column it names, and touches no other row; it goes with additions.
    """
    await wrote(database, (ADD_SHELVES, [TALL, LOW, {**LOW, "name": "round"}]))
    moved = [{**TALL, "room": "attic"}, {**LOW, "room": None, "facts": [1]}]

    await wrote(database, (MOVE_SHELVES, moved), (ADD_BOOKS, [book(1)]))

    assert await kept(database, shelves) == [moved[1], {**LOW, "name": "round"}, moved[0]]
    assert await kept(database, books) == [book(1)]


async def test_all_of_it_is_written_or_nothing(database: Database) -> None:
    """
    A row that may not be there twice is our error, and undoes what went with it.
    """
    await wrote(database, (ADD_SHELVES, [TALL]), (ADD_BOOKS, [book(1)]))

    with pytest.raises(UniqueViolation) as caught:
        await wrote(database, (ADD_SHELVES, [LOW]), (ADD_BOOKS, [book(2), book(1)]))

    assert (caught.value.table, caught.value.columns) == ("books", ("id",))
    assert await kept(database, shelves) == [TALL]
    assert await kept(database, books) == [book(1)]


async def test_nothing_is_written_of_no_rows(database: Database) -> None:
    """
    Parts without rows are left out, also where there are no others.
    """
    assert await wrote(database, (ADD_SHELVES, []), (ADD_BOOKS, [])) == 0
    assert await wrote(database, (ADD_SHELVES, [TALL, LOW]), (ADD_BOOKS, [])) == 2
    assert await kept(database, books) == []


async def test_it_also_goes_with_ordinary_transactions(database: Database) -> None:
    """
    Where other statements are around it, in a transaction that is not carried out at once.
    """
    async with database.write() as connection:
        parts: list[RowsOf] = [(ADD_SHELVES, [TALL]), (ADD_BOOKS, [book(1), book(2)])]
        assert await connection.run_sync(write_rows, parts) == 2

    assert await kept(database, books) == [book(1), book(2)]


async def test_a_moment_without_a_time_zone_is_refused(database: Database) -> None:
    """
    As by every other statement: it is a mistake of ours.
    """
    naive = book(1) | {"bought_at": AT.replace(tzinfo=None)}

    with pytest.raises(Exception, match="a moment without a time zone cannot be stored"):
        await wrote(database, (ADD_SHELVES, [TALL]), (ADD_BOOKS, [naive]))

    assert await kept(database, shelves) == []

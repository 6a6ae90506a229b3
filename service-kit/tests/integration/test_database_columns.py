"""
Columns and statements that mean the same on SQLite and PostgreSQL.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, func, select
from sqlalchemy.exc import IntegrityError, StatementError

from servicekit.database import (
    Database,
    Json,
    UniqueViolation,
    UtcDateTime,
    insert_on,
    new_metadata,
)

metadata = new_metadata()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shelf", String(20)),
    Column("title", String(20)),
    Column("label", String(20)),
    Column("at", UtcDateTime),
    Column("extra", Json),
    Index("uq_notes_shelf_title", "shelf", "title", unique=True),
)
Index("uq_notes_label_lower", func.lower(notes.c.label), unique=True)
remarks = Table(
    "remarks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("note_id", ForeignKey("notes.id", ondelete="CASCADE"), nullable=False),
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.aclose()


async def _keep(database: Database, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(notes.insert().values(**values))


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON + timedelta(microseconds=1),
        NOON.replace(microsecond=999_999),
        NOON.astimezone(timezone(timedelta(hours=5, minutes=45))),
        datetime(1, 1, 1, tzinfo=UTC),
        None,
    ],
)
async def test_moment_comes_back_as_it_went_in(database: Database, moment: datetime | None) -> None:
    """
    A moment of any zone comes back equal, to the microsecond, aware, and in UTC.
    """
    await _keep(database, id=1, at=moment)

    async with database.read() as connection:
        found = await connection.scalar(select(notes.c.at))

    assert found == moment
    assert found is None or found.utcoffset() == timedelta(0)


async def test_moment_without_zone_is_refused(database: Database) -> None:
    """
    A moment that does not say its zone is a mistake, and is not stored.
    """
    with pytest.raises(StatementError, match="time zone"):
        await _keep(database, id=1, at=datetime(2026, 3, 1))  # noqa: DTZ001  # the point of it


async def test_moments_sort_and_compare(database: Database) -> None:
    """
    The database orders and compares moments by time, whatever their zones and fractions.
    """
    east = timezone(timedelta(hours=9))
    later = [timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1)]
    for number, delta in enumerate(reversed(later)):
        await _keep(database, id=number, at=(NOON + delta).astimezone(east if number % 2 else UTC))

    async with database.read() as connection:
        ordered = (await connection.scalars(select(notes.c.at).order_by(notes.c.at))).all()
        after_noon = (await connection.scalars(select(notes.c.at).where(notes.c.at > NOON))).all()

    assert ordered == [NOON + delta for delta in later]
    assert len(after_noon) == 3


@pytest.mark.parametrize(
    "value", [{"a": [1, 2.5, None, True, "ü"]}, [], "text", 0, False, None], ids=repr
)
async def test_json_comes_back_as_it_went_in(database: Database, value: object) -> None:
    """
    Any JSON value comes back equal.
    """
    await _keep(database, id=1, extra=value)

    async with database.read() as connection:
        found = await connection.scalar(select(notes.c.extra))

    assert found == value
    assert type(found) is type(value)


async def test_json_none_is_null(database: Database) -> None:
    """
    ``None`` is the database's own NULL, and not JSON's.
    """
    await _keep(database, id=1, extra=None)

    async with database.read() as connection:
        assert await connection.scalar(select(notes.c.id).where(notes.c.extra.is_(None))) == 1


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ({"id": 1, "shelf": "b", "title": "y"}, ("id",)),
        ({"id": 2, "shelf": "a", "title": "private"}, ("shelf", "title")),
    ],
    ids=["primary key", "two columns"],
)
async def test_unique_violation_names_table_and_columns(
    database: Database, values: dict[str, object], columns: tuple[str, ...]
) -> None:
    """
    A second row of the same kind says where there is one already, alike on both databases.
    """
    await _keep(database, id=1, shelf="a", title="private")

    with pytest.raises(UniqueViolation) as caught:
        await _keep(database, **values)

    assert (caught.value.table, caught.value.columns) == ("notes", columns)
    assert "private" not in str(caught.value)


async def test_unique_violation_of_an_expression_names_the_index(database: Database) -> None:
    """
    Where an index is on an expression, its name is what both databases tell.
    """
    await _keep(database, id=1, label="Same")

    with pytest.raises(UniqueViolation) as caught:
        await _keep(database, id=2, label="sAME")

    assert caught.value.constraint == "uq_notes_label_lower"


async def test_insert_on_conflict(database: Database) -> None:
    """
    One statement inserts, or does nothing, or changes the row that is there, on both databases.
    """
    await _keep(database, id=1, shelf="a", title="x")

    async with database.write() as connection:
        nothing = insert_on(connection, notes).values(id=1, shelf="b")
        await connection.execute(nothing.on_conflict_do_nothing(index_elements=["id"]))
        change = insert_on(connection, notes).values(id=1, shelf="c")
        await connection.execute(
            change.on_conflict_do_update(
                index_elements=["id"], set_={"shelf": change.excluded.shelf}
            )
        )
        row = (await connection.execute(select(notes.c.shelf, notes.c.title))).one()

    assert tuple(row) == ("c", "x")


async def test_foreign_keys_hold(database: Database) -> None:
    """
    A row cannot refer to what is not there, and what refers to a removed row goes with it.
    """
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(remarks.insert().values(id=1, note_id=99))

    await _keep(database, id=1)
    async with database.write() as connection:
        await connection.execute(remarks.insert().values(id=1, note_id=1))
        await connection.execute(notes.delete())
        assert await connection.scalar(select(func.count()).select_from(remarks)) == 0


def test_constraints_have_names() -> None:
    """
    Constraints get names of one form, so that migrations can speak of them.
    """
    names = {
        constraint.name for table in metadata.tables.values() for constraint in table.constraints
    }

    assert names == {"pk_notes", "pk_remarks", "fk_remarks_note_id_notes"}

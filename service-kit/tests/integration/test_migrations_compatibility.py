"""
What a migration may do while the release before it still runs, on both databases.
"""

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from toy_packages import ToyPackage

from servicekit.migrations.compatibility import compatibility
from servicekit.migrations.exclusive import migrating

SHOP = """
op.create_table(
    "floors",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(20), nullable=False, server_default="ground"),
)
op.create_table(
    "shelves",
    sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("name", sa.String(20), nullable=False),
    sa.Column("colour", sa.String(20), nullable=True),
    sa.Column("width", sa.BigInteger(), nullable=False),
    sa.Column("price", sa.Numeric(10, 2), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("floor_id", sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint("id", name="pk_shelves"),
    sa.UniqueConstraint("name", name="uq_shelves_name"),
    sa.CheckConstraint("width > 0", name="ck_shelves_width"),
    sa.CheckConstraint("kind IN ('wood', 'steel')", name="ck_shelves_kind"),
)
op.create_table("boxes", sa.Column("id", sa.Integer(), primary_key=True))
"""

BATCH = 'with op.batch_alter_table("shelves") as shelves:\n    shelves.'

BREACHES = {
    "a table is dropped": ('op.drop_table("boxes")', "boxes is gone"),
    "a table is renamed": ('op.rename_table("boxes", "crates")', "boxes is gone"),
    "a column is dropped": (BATCH + 'drop_column("colour")', "shelves.colour is gone"),
    "a column is renamed": (
        BATCH + 'alter_column("colour", new_column_name="paint")',
        "shelves.colour is gone",
    ),
    "nothing may be missing any more": (
        BATCH + 'alter_column("colour", existing_type=sa.String(20), nullable=False)',
        "shelves.colour may no longer be NULL",
    ),
    "a default is taken away": (
        BATCH.replace("shelves", "floors")
        + 'alter_column("name", existing_type=sa.String(20), server_default=None)',
        "floors.name can no longer be left out",
    ),
    "a new column must be given": (
        BATCH + 'add_column(sa.Column("depth", sa.Integer(), nullable=False))',
        "shelves.depth is new and cannot be left out",
    ),
    "a text is shortened": (
        BATCH + 'alter_column("name", existing_type=sa.String(20), type_=sa.String(10))',
        "shelves.name was VARCHAR(length=20), and VARCHAR(length=10) does not take all of that",
    ),
    "a number is narrowed": (
        BATCH + 'alter_column("width", existing_type=sa.BigInteger(), type_=sa.Integer())',
        "shelves.width was BIGINT(), and INTEGER() does not take all of that",
    ),
    "digits are taken away": (
        BATCH + 'alter_column("price", existing_type=sa.Numeric(10, 2), type_=sa.Numeric(10, 4))',
        "shelves.price was NUMERIC(precision=10, scale=2), and NUMERIC(precision=10, scale=4)",
    ),
    "what could be twice may not": (
        BATCH + 'create_unique_constraint("uq_shelves_width", ["width"])',
        "shelves.width is held to a new rule (unique)",
    ),
    "an index makes it unique": (
        'op.create_index("ix_shelves_width", "shelves", ["width", "kind"], unique=True)',
        "shelves.kind+width is held to a new rule (unique)",
    ),
    "an upsert loses what it names": (
        BATCH + 'drop_constraint("uq_shelves_name", type_="unique")',
        "shelves.name is no longer unique",
    ),
    "values are checked": (
        BATCH + 'create_check_constraint("ck_shelves_name", "length(name) > 3")',
        "shelves.name is held to a new rule (check)",
    ),
    "a check is tightened": (
        BATCH
        + 'drop_constraint("ck_shelves_width", type_="check")\n'
        + '    shelves.create_check_constraint("ck_shelves_width", "width > 10")',
        "shelves.width is held to a new rule (check)",
    ),
    "a reference is required": (
        BATCH + 'create_foreign_key("fk_shelves_floor", "floors", ["floor_id"], ["id"])',
        "shelves.floor_id is held to a new rule (reference)",
    ),
    "another primary key": (
        BATCH
        + 'drop_constraint("pk_shelves", type_="primary")\n'
        + '    shelves.create_primary_key("pk_shelves", ["id", "kind"])',
        "shelves has another primary key",
    ),
    "a new column's default breaks a new rule": (
        BATCH
        + 'add_column(sa.Column("depth", sa.Integer(), nullable=False, server_default="0"))\n'
        + '    shelves.create_check_constraint("ck_shelves_depth", "depth > 0")',
        "shelves refuses a row of the release before",
    ),
}

HARMLESS = {
    "a new table, with rules": (
        'op.create_table("lamps", sa.Column("id", sa.Integer(), primary_key=True), '
        'sa.Column("watts", sa.Integer(), nullable=False), sa.CheckConstraint("watts > 0", name="watts"))'
    ),
    "a new column that may be missing": (
        BATCH + 'add_column(sa.Column("depth", sa.Integer(), nullable=True))'
    ),
    "a new column with a default": (
        BATCH + 'add_column(sa.Column("height", sa.Integer(), nullable=False, server_default="3"))'
    ),
    "what had to be there may be missing": (
        BATCH + 'alter_column("kind", existing_type=sa.String(8), nullable=True)'
    ),
    "wider types": (
        BATCH
        + 'alter_column("name", existing_type=sa.String(20), type_=sa.String(40))\n'
        + '    shelves.alter_column("floor_id", existing_type=sa.Integer(), type_=sa.BigInteger())\n'
        + '    shelves.alter_column("price", existing_type=sa.Numeric(10, 2), type_=sa.Numeric(12, 3))'
    ),
    "a rule is dropped": BATCH + 'drop_constraint("ck_shelves_width", type_="check")',
    "an index": 'op.create_index("ix_shelves_kind", "shelves", ["kind"])',
    "unique with what is unique already": (
        BATCH + 'create_unique_constraint("uq_shelves_name_kind", ["name", "kind"])'
    ),
    "rows are changed": "op.execute(\"INSERT INTO floors (id, name) VALUES (7, 'roof')\")",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyPackage:
    """
    A package whose first release has shelves, floors and boxes.
    """
    monkeypatch.syspath_prepend(tmp_path)
    package = ToyPackage(tmp_path, f"toy_{uuid4().hex}")
    package.has_migration("0001", SHOP)
    return package


@pytest.mark.parametrize(("body", "why"), BREACHES.values(), ids=BREACHES.keys())
async def test_what_the_release_before_cannot_live_with_is_told(
    shop: ToyPackage, database_url: str, body: str, why: str
) -> None:
    """
    Each kind of breach is one line that names the revision, the place and what is wrong.
    """
    shop.has_migration("0002", body, after="0001")

    found = await compatibility(database_url, shop.name)

    assert any(str(breach).startswith(f"0002: {why}") for breach in found.breaches)


async def test_what_the_release_before_can_live_with_is_let_be(
    shop: ToyPackage, database_url: str
) -> None:
    """
    What adds or loosens passes, with a row of each table written as before.
    """
    for number, body in enumerate(HARMLESS.values(), start=2):
        shop.has_migration(f"{number:04d}", body, after=f"{number - 1:04d}")

    found = await compatibility(database_url, shop.name)

    assert (found.breaches, found.untried) == ([], [])


async def test_what_goes_goes_in_two_releases(shop: ToyPackage, database_url: str) -> None:
    """
    A migration may take away and tighten what an earlier release was made ready for, and names it.
    """
    shop.has_migration("0002", "pass", after="0001")
    shop.has_migration(
        "0003",
        BATCH
        + 'drop_column("colour")\n'
        + '    shelves.create_unique_constraint("uq_shelves_kind", ["kind", "width"])\n'
        + 'op.drop_table("boxes")',
        after="0002",
        ready_since={"shelves.colour": "0002", "boxes": "0002", "shelves.kind+width": "0001"},
    )

    found = await compatibility(database_url, shop.name)

    assert found.breaches == []


@pytest.mark.parametrize(
    ("ready_since", "whys"),
    [
        (
            {"shelves.colour": "0002"},
            ["is said to be ready since 0002, which is no revision before this one"],
        ),
        (
            {"shelves.colour": "0001", "shelves.kind": "0001"},
            ["is in ready_since, and nothing happens to it"],
        ),
        ({"boxes": "0001"}, ["is gone", "is in ready_since, and nothing happens to it"]),
    ],
    ids=["the same release", "too much", "something else"],
)
async def test_an_excuse_has_to_hold(
    shop: ToyPackage, sqlite_url: str, ready_since: dict[str, str], whys: list[str]
) -> None:
    """
    An excuse that names this release itself, or nothing that happens, is a breach like another.
    """
    shop.has_migration(
        "0002", BATCH + 'drop_column("colour")', after="0001", ready_since=ready_since
    )

    found = await compatibility(sqlite_url, shop.name)

    assert [breach.why for breach in found.breaches] == whys


async def test_what_had_to_be_written_was_not_unused(shop: ToyPackage, sqlite_url: str) -> None:
    """
    Nobody can have done without a column that no row could be written without.
    """
    shop.has_migration(
        "0002",
        BATCH + 'drop_column("price")',
        after="0001",
        ready_since={"shelves.price": "0001"},
    )

    found = await compatibility(sqlite_url, shop.name)

    (breach,) = found.breaches
    assert "no row could be written without it" in breach.why


async def test_nothing_is_left_of_the_trial(shop: ToyPackage, database_url: str) -> None:
    """
    Rows that were made up are gone again; what a migration has written stays.
    """
    shop.has_migration("0002", HARMLESS["rows are changed"], after="0001")

    await compatibility(database_url, shop.name)

    async with migrating(database_url, shop.name) as connection:
        floors = (await connection.execute(text("SELECT name FROM floors"))).scalars().all()
        shelves = await connection.scalar(text("SELECT count(*) FROM shelves"))
    assert (list(floors), shelves) == (["roof"], 0)


async def test_a_table_without_a_made_up_row_is_named(shop: ToyPackage, sqlite_url: str) -> None:
    """
    Where nobody can tell what a table takes, that it was not tried is told, and not passed over.
    """
    shop.has_migration(
        "0002",
        'op.create_table("riddles", sa.Column("id", sa.Integer(), primary_key=True), '
        'sa.Column("word", sa.String(9), nullable=False), sa.CheckConstraint("length(word) = 7", name="word"))',
        after="0001",
    )
    shop.has_migration("0003", "pass", after="0002")

    found = await compatibility(sqlite_url, shop.name)

    assert (found.breaches, found.untried) == ([], ["0003: riddles"])

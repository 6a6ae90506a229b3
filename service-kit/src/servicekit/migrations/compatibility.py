"""
Whether each migration leaves a database on which the release before it can still work.

While a service is upgraded replica by replica, those of the release before serve on the new form, and
whoever rolls back starts them on it. So a migration may add what may be left out, and nothing else.
What must go goes in two releases: the first does without it, and the second takes it away. The second's
migration names what it takes, and the revision with whose release the code was ready for that::

    ready_since = {"shelves.colour": "0004", "boxes": "0004", "shelves.name+floor": "0004"}

Each revision is applied to a real database and looked at there; nothing is read out of its code. What is
not seen: triggers, views, what a migration does to the rows that are there, and rows of new tables that keep
those they refer to from being deleted. Nor is what the release before can read: where a column may be
NULL or longer from now on, nothing of that may be written until the release before is gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alembic import command
from sqlalchemy import Connection, MetaData

from servicekit.migrations.exclusive import migrating
from servicekit.migrations.rows import MadeUp, made_up, refusal
from servicekit.migrations.scripts import Scripts
from servicekit.migrations.shapes import Field, Shape, shapes, tables_of
from servicekit.migrations.widening import takes_all_of

__all__ = ["Breach", "Compatibility", "compatibility"]

_GONE: Final = "is gone"


@dataclass(frozen=True, slots=True)
class Breach:
    """
    What the release before ``revision`` could not live with. ``subject`` is a table, a column as
    ``table.column``, or several columns as ``table.one+other``.
    """

    revision: str
    subject: str
    why: str

    def __str__(self) -> str:
        """
        One line for people.
        """
        return f"{self.revision}: {self.subject} {self.why}"


@dataclass(slots=True)
class Compatibility:
    """
    What was found. ``untried``: tables, as ``revision: table``, for which no row could be made up; of
    them the form is compared, and nothing written.
    """

    breaches: list[Breach] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


async def compatibility(database_url: str, package: str) -> Compatibility:
    """
    Bring a new database through every migration of ``package``, one by one, and judge each.
    """
    scripts = Scripts.of(package)
    found = Compatibility()
    line = [script.revision for script in scripts.directory.walk_revisions()][::-1]
    for number, revision in enumerate(line):
        async with migrating(database_url, package) as connection:
            await connection.run_sync(_judge, scripts, line[:number], revision, found)
    return found


def _judge(
    connection: Connection,
    scripts: Scripts,
    earlier: Sequence[str],
    revision: str,
    found: Compatibility,
) -> None:
    script = scripts.directory.get_revision(revision)
    excuses: Mapping[str, str] = getattr(script.module, "ready_since", {})
    tables = tables_of(connection)
    before, samples = shapes(tables), made_up(connection, tables)
    command.upgrade(scripts.config(connection), revision)
    after = tables_of(connection)

    formal = dict(_compared(before, shapes(after)))
    unexcused = {subject: why for subject, why in formal.items() if subject not in excuses}
    told = {subject.partition(".")[0] for subject in unexcused}
    found.breaches += [
        Breach(revision, subject, why)
        for subject, why in (
            *unexcused.items(),
            *_wrong_excuses(excuses, formal, before, earlier),
            *(
                (name, why)
                for name, why in _refused(connection, samples, after)
                if name not in told
            ),
        )
    ]
    found.untried += [f"{revision}: {name}" for name in samples.refused]


def _refused(connection: Connection, samples: MadeUp, after: MetaData) -> Iterator[tuple[str, str]]:
    """
    Rows as the release before writes them, written to the new form and taken back.
    """
    with connection.begin_nested() as trial:
        for name, row in samples.rows.items():
            if (table := after.tables.get(name)) is not None:
                # Without what is gone: it is excused, or told of already.
                left = {key: value for key, value in row.items() if key in table.columns}
                if (why := refusal(connection, table, left)) is not None:
                    yield name, f"refuses a row of the release before: {why}"
        trial.rollback()


def _wrong_excuses(
    excuses: Mapping[str, str],
    formal: Mapping[str, str],
    before: Mapping[str, Shape],
    earlier: Sequence[str],
) -> Iterator[tuple[str, str]]:
    for subject, since in excuses.items():
        table, _, column = subject.partition(".")
        old = before[table].fields.get(column) if table in before else None
        if subject not in formal:
            yield subject, "is in ready_since, and nothing happens to it"
        elif since not in earlier:
            yield (
                subject,
                f"is said to be ready since {since}, which is no revision before this one",
            )
        elif formal[subject] == _GONE and old is not None and not old.fills_itself:
            yield (
                subject,
                f"is said to be ready since {since}, yet no row could be written without it",
            )


def _compared(before: Mapping[str, Shape], after: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    for name, old in before.items():
        if name not in after:
            yield name, _GONE
            continue
        new = after[name]
        for column, was in old.fields.items():
            now = new.fields.get(column)
            why = _GONE if now is None else _worse(was, now)
            if why:
                yield f"{name}.{column}", why
        for column in new.fields.keys() - old.fields.keys():
            if not new.fields[column].fills_itself:
                yield f"{name}.{column}", "is new and cannot be left out"
        yield from _held_to_more(name, old, new)


def _worse(was: Field, now: Field) -> str | None:
    if was.is_nullable and not now.is_nullable:
        return "may no longer be NULL"
    if was.fills_itself and not now.fills_itself:
        return "can no longer be left out"
    if not takes_all_of(was.type, now.type):
        return f"was {was.type!r}, and {now.type!r} does not take all of that"
    return None


def _held_to_more(name: str, old: Shape, new: Shape) -> Iterator[tuple[str, str]]:
    if old.primary_key != new.primary_key:
        yield name, "has another primary key"
    for kind, columns, _ in old.rules - new.rules:
        # An upsert names what is unique; everything else is merely missed.
        if kind == "unique" and columns <= new.fields.keys():
            yield _of(name, columns), "is no longer unique, on which an upsert may stand"
    for kind, columns, _ in new.rules - old.rules:
        is_old = not columns.isdisjoint(old.fields)
        is_implied = kind == "unique" and any(known <= columns for known in old.keys)
        if is_old and not is_implied:
            yield _of(name, columns & old.fields.keys()), f"is held to a new rule ({kind})"


def _of(table: str, columns: frozenset[str]) -> str:
    return f"{table}.{'+'.join(sorted(columns))}"

"""
The engine's journal as it stands after what no test can wait for: a hand, a fault, another release.
"""

import asyncio

from sqlalchemy import create_engine, text

from servicekit.durable.addresses import SCHEMA, journal_url


async def rewrite(database_url: str, key: str, **values: str) -> None:
    """
    Give the row of the work called ``key`` these values.
    """
    await asyncio.to_thread(_rewrite, database_url, key, values)


def _rewrite(database_url: str, key: str, values: dict[str, str]) -> None:
    url = journal_url(database_url)
    table = "workflow_status" if url.get_backend_name() == "sqlite" else f"{SCHEMA}.workflow_status"
    told = ", ".join(f"{name} = :{name}" for name in values)
    statement = text(f"UPDATE {table} SET {told} WHERE workflow_uuid = :key")  # ours
    engine = create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(statement, {**values, "key": key}).rowcount == 1
    engine.dispose()

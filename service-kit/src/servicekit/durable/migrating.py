"""
Brings the journal's tables to the form that the engine expects.
"""

import asyncio

from sqlalchemy import text

from servicekit.durable.addresses import SCHEMA, journal_url
from servicekit.durable.transact import migrate_journal
from servicekit.migrations.exclusive import migrating

#: Which replicas live; see ``takeover``. In the journal's schema, where no service's migrations look.
_REPLICAS = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.saga_replicas (
    executor_id text PRIMARY KEY,
    seen_at timestamptz NOT NULL
)
"""


def migrate(database_url: str) -> None:
    """
    As ``upgrade``, where no event loop runs: for the command line and for tests.
    """
    asyncio.run(upgrade(database_url))


async def upgrade(database_url: str) -> None:
    """
    Apply what the journal beside or inside the service's database lacks.

    Several processes may do so at once: DBOS's own lock gives up after 30 s, so ours stands around it.
    """
    url = journal_url(database_url)
    address = url.render_as_string(hide_password=False)
    if url.get_backend_name() == "sqlite":
        async with migrating(address, "sagas"):
            pass  # makes the file and its folder, and sets WAL
        await asyncio.to_thread(migrate_journal, address)
        return
    async with migrating(database_url, "sagas") as connection:
        await asyncio.to_thread(migrate_journal, address)
        await connection.execute(text(_REPLICAS))

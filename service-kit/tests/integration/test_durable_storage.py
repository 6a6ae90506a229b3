"""
The engine's own connections.
"""

import asyncio

import pytest

from servicekit.durable.addresses import journal_url
from servicekit.durable.storage import Storage
from servicekit.errors import ServiceUnavailable
from servicekit.testing.postgres import PostgresProcess


async def test_connections_are_tried_until_the_database_is_back(
    own_postgres: PostgresProcess,
) -> None:
    """
    Once the database was there, who needs a connection gets one as soon as it is there again, or a no
    as soon as the engine stops.
    """
    storage = Storage(journal_url(own_postgres.server.url()), application_name="test")
    storage.check()
    storage.engine.dispose()
    own_postgres.kill()

    connecting = asyncio.create_task(asyncio.to_thread(_connect, storage))
    await asyncio.wait({connecting}, timeout=0.2)
    assert not connecting.done()
    await asyncio.to_thread(own_postgres.start)
    assert await connecting == 1

    storage.engine.dispose()
    await asyncio.to_thread(own_postgres.kill)
    connecting = asyncio.create_task(asyncio.to_thread(_connect, storage))
    await asyncio.wait({connecting}, timeout=0.2)
    storage.close()
    with pytest.raises(ServiceUnavailable):
        await connecting
    storage.dispose()


def _connect(storage: Storage) -> object:
    with storage.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT 1").scalar()

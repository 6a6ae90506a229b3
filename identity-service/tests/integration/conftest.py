"""
What the integration tests share: a database with the demo's users, and the service on it.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from running_identity import RunningIdentity, prepare, running_identity, settings_for

from servicekit.testing.clock import FakeClock

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy


@pytest.fixture
def seeded_url(database_copy: "DatabaseCopy") -> str:
    """
    A database of this test's own, migrated and seeded; once SQLite, once PostgreSQL.
    """
    return database_copy("identity", prepare)


@pytest.fixture
async def identity(seeded_url: str, clock: FakeClock) -> AsyncIterator[RunningIdentity]:
    """
    The service on that database.
    """
    async with running_identity(settings_for(seeded_url), clock) as running:
        yield running

"""
What the integration tests share: a database with the demo's prices, and the service on it.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from pricing_app import RunningPricing, prepare, running_pricing, settings_for

from servicekit.testing.clock import FakeClock

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy


@pytest.fixture
def seeded_url(database_copy: "DatabaseCopy") -> str:
    """
    A database of this test's own, migrated and seeded; once SQLite, once PostgreSQL.
    """
    return database_copy("pricing", prepare)


@pytest.fixture
async def pricing(seeded_url: str, clock: FakeClock) -> AsyncIterator[RunningPricing]:
    """
    The service on that database, with a tax on books.
    """
    settings = settings_for(seeded_url, tax_rates='{"default":"0","books":"0.07"}')
    async with running_pricing(settings, clock) as running:
        yield running

"""
What the integration tests share: a migrated database, and the service on it.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from inventory_app import (
    RunningInventory,
    prepare,
    prepare_demo,
    running_inventory,
    settings_for,
)

from servicekit.testing.clock import FakeClock

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy


@pytest.fixture
def migrated_url(database_copy: "DatabaseCopy") -> str:
    """
    A migrated database of this test's own, without products; once SQLite, once PostgreSQL.
    """
    return database_copy("inventory", prepare)


@pytest.fixture
def demo_url(database_copy: "DatabaseCopy") -> str:
    """
    As ``migrated_url``, with the demo's products.
    """
    return database_copy("inventory_demo", prepare_demo)


@pytest.fixture
async def inventory(migrated_url: str, clock: FakeClock) -> AsyncIterator[RunningInventory]:
    """
    The service without products.
    """
    async with running_inventory(settings_for(migrated_url), clock) as running:
        yield running


@pytest.fixture
async def shop(demo_url: str, clock: FakeClock) -> AsyncIterator[RunningInventory]:
    """
    The service with the demo's products.
    """
    async with running_inventory(settings_for(demo_url), clock) as running:
        yield running

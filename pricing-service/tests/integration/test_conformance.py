"""
The service keeps what every service of the house promises.
"""

import asyncio
import sys

import pytest
from pricing_app import bearer, environment_for, prepare

from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process


@pytest.mark.parametrize(
    ("kind", "permission"), [("service", "prices:quote"), ("user", "catalog:write")]
)
async def test_the_service_conforms(sqlite_url: str, kind: str, permission: str) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process;
    for a service that asks for quotes, and for somebody who sets prices.
    """
    await asyncio.to_thread(prepare, sqlite_url)
    env = environment_for(sqlite_url, DRAIN_DELAY_SECONDS="1", DRAIN_TIMEOUT_SECONDS="5")
    token = bearer(kind, "read write admin", permission)["Authorization"].removeprefix("Bearer ")
    async with serve_process([sys.executable, "-m", "pricing", "serve"], env) as served:
        report = await examine(
            Target(served.url, token=token, process=served, drain_delay_s=1, drain_timeout_s=5)
        )

    assert report.is_conforming, str(report)

"""
The service keeps what every service of the house promises.
"""

import asyncio
import sys

import pytest
from inventory_app import environment, prepare_demo, token_of

from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process

pytestmark = pytest.mark.real_time

#: A caller who may do everything here.
EVERYTHING = {
    "kind": "service",
    "sub": "conformance",
    "scope": "read write admin",
    "permissions": ["stock:write", "catalog:write"],
}

PROGRAM = (sys.executable, "-m", "inventory", "serve")
#: A third of what it takes: the suite has looked before the end, also on a busy machine.
TOLD_DELAY_S = 0.5


async def test_the_service_conforms(sqlite_url: str) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process.
    """
    await asyncio.to_thread(prepare_demo, sqlite_url)
    env = environment(sqlite_url) | {"DRAIN_DELAY_SECONDS": "1.5", "DRAIN_TIMEOUT_SECONDS": "20"}
    async with serve_process(PROGRAM, env, is_warm=False) as served:
        report = await examine(
            Target(
                served.url,
                token=token_of(EVERYTHING),
                process=served,
                drain_delay_s=TOLD_DELAY_S,
                drain_timeout_s=20,
            )
        )

    assert report.is_conforming, str(report)

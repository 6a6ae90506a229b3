"""
The service keeps what every service of the house promises.
"""

import asyncio
import sys

from inventory_app import environment, prepare_demo, token_of

from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process

#: A caller who may do everything here.
EVERYTHING = {
    "kind": "service",
    "sub": "conformance",
    "scope": "read write admin",
    "permissions": ["stock:write", "catalog:write"],
}


async def test_the_service_conforms(sqlite_url: str) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process.
    """
    await asyncio.to_thread(prepare_demo, sqlite_url)
    env = environment(sqlite_url) | {"DRAIN_DELAY_SECONDS": "1", "DRAIN_TIMEOUT_SECONDS": "5"}
    async with serve_process([sys.executable, "-m", "inventory", "serve"], env) as served:
        report = await examine(
            Target(
                served.url,
                token=token_of(EVERYTHING),
                process=served,
                drain_delay_s=1,
                drain_timeout_s=5,
            )
        )

    assert report.is_conforming, str(report)

"""
The service keeps what every service of the house promises.
"""

import asyncio
import sys

import httpx
import pytest
from running_identity import KEY_SECRET, PASSWORDS, prepare

from identity.main import PREFIXES
from identity.tokens.routes import OPEN_PATHS
from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process

pytestmark = pytest.mark.real_time

PROGRAM = (sys.executable, "-m", "identity", "serve")
#: A third of what it takes: the suite has looked before the end, also on a busy machine.
TOLD_DELAY_S = 0.5


async def test_the_service_conforms(sqlite_url: str) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process.
    """
    await asyncio.to_thread(prepare, sqlite_url)
    env = {
        "DATABASE_URL": sqlite_url,
        "IDENTITY_KEY_SECRET": KEY_SECRET,
        "DRAIN_DELAY_SECONDS": "1.5",
        "DRAIN_TIMEOUT_SECONDS": "20",
    }
    async with serve_process(PROGRAM, env, is_warm=False) as served:
        form = {"grant_type": "password", "username": "admin", "password": PASSWORDS["admin"]}
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
            token = (await http.post("/auth/token", data=form)).json()["access_token"]
        report = await examine(
            Target(
                served.url,
                token=token,
                process=served,
                open_paths=[prefix + path for prefix in PREFIXES for path in OPEN_PATHS],
                drain_delay_s=TOLD_DELAY_S,
                drain_timeout_s=20,
            )
        )

    assert report.is_conforming, str(report)

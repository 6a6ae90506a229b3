"""
The gateway keeps what every service of the house promises.
"""

import sys
from pathlib import Path

import pytest
from real_backends import real_backends

from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process

pytestmark = pytest.mark.real_time

PROGRAM = (sys.executable, "-m", "gateway", "serve")
#: A third of what it takes: the suite has looked before the end, also on a busy machine.
TOLD_DELAY_S = 0.5


async def test_the_gateway_conforms(tmp_path: Path) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process.
    """
    drain = {"DRAIN_DELAY_SECONDS": "1.5", "DRAIN_TIMEOUT_SECONDS": "20"}
    async with (
        real_backends(tmp_path) as backends,
        serve_process(PROGRAM, backends.environment | drain, is_warm=False) as served,
    ):
        report = await examine(
            Target(
                served.url,
                token=await backends.token("admin"),
                process=served,
                open_paths=[f"/api/v1/auth/{one}" for one in ("token", "refresh", "revoke")],
                drain_delay_s=TOLD_DELAY_S,
                drain_timeout_s=20,
            )
        )

    assert report.is_conforming, str(report)

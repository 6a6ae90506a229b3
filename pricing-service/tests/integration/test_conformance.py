"""
The service keeps what every service of the house promises.
"""

import asyncio
import sys

import pytest
from pricing_app import API, RunningPricing, bearer, environment_for, prepare

from servicekit.conformance import Target
from servicekit.conformance import run as examine
from servicekit.testing.serving import serve_process

PROGRAM = (sys.executable, "-m", "pricing", "serve")
#: A third of what it takes: the suite has looked before the end, also on a busy machine.
TOLD_DELAY_S = 0.5


@pytest.mark.real_time
async def test_the_service_conforms(sqlite_url: str) -> None:
    """
    Every check of the kit's conformance suite passes, over a real port, to the end of the process.
    """
    await asyncio.to_thread(prepare, sqlite_url)
    env = environment_for(sqlite_url, DRAIN_DELAY_SECONDS="1", DRAIN_TIMEOUT_SECONDS="5")
    header = bearer("service", "read write admin", "prices:quote", "catalog:write")
    token = header["Authorization"].removeprefix("Bearer ")
    async with serve_process(PROGRAM, env, is_warm=False) as served:
        report = await examine(
            Target(
                served.url,
                token=token,
                process=served,
                drain_delay_s=TOLD_DELAY_S,
                drain_timeout_s=20,
            )
        )

    assert report.is_conforming, str(report)


async def test_each_address_says_rightly_what_it_serves(pricing: RunningPricing) -> None:
    """
    Where a wrong method is used, Allow names the right ones; those of a product's address are not
    those of the other addresses below /prices.
    """
    served = {
        "prices": "GET, HEAD",
        "prices/TEST-001": "GET, HEAD, PUT",
        "prices/quoted": "GET, HEAD, PUT",
        "prices/calculate": "POST",
        "prices/quote": "POST",
        "prices/quotes/release": "POST",
        "prices/quotes/0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11": "GET, HEAD",
        "discounts/SUMMER20": "DELETE, GET, HEAD, PUT",
    }
    for address, methods in served.items():
        answer = await pricing.http.patch(f"{API}/{address}")
        assert answer.status_code == 405, address
        assert answer.headers["Allow"] == methods, address

"""
``python -m pricing``: the service as a process, as an operator runs it.
"""

import asyncio
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest
from pricing_app import API, SECRET, environment_for, gateway

from servicekit.testing.programs import run_command
from servicekit.testing.serving import serve_process

PROGRAM = (sys.executable, "-m", "pricing")


run = partial(run_command, "pricing")


async def test_a_database_is_prepared_seeded_and_served(postgres_url: str, tmp_path: Path) -> None:
    """
    migrate, seed and serve; a quote that was answered is there after a kill; and no token
    reaches the log.
    """
    env = environment_for(postgres_url)
    for command in ("migrate", "seed"):
        done = await asyncio.to_thread(run, command, env, tmp_path)
        assert done.returncode == 0, done.stderr
    headers = gateway()
    body = {"items": [{"productId": "TEST-001", "quantity": 2}], "orderId": "order-1"}

    async with (
        serve_process([*PROGRAM, "serve"], env) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        first = await http.post(f"{API}/prices/quote", json=body, headers=headers)
        log = served.log
        served.signal(signal.SIGKILL)
        await served.ended()

    async with (
        serve_process([*PROGRAM, "serve"], env) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        again = await http.post(f"{API}/prices/quote", json=body, headers=headers)
        log += served.log

    assert first.status_code == 200, first.text
    assert again.content == first.content
    secrets = [SECRET, headers["Authorization"].split()[1]]
    assert [secret for secret in secrets if secret in log] == []


@pytest.mark.parametrize(
    ("command", "changes", "line"),
    [
        ("serve", {"TAX_RATES": "none"}, "pricing: TAX_RATES: must be a JSON object"),
        ("serve", {"DEFAULT_CURRENCY": "XXX"}, "pricing: DEFAULT_CURRENCY: must be one of"),
        ("serve", {"JWT_SECRET_KEY": ""}, "JWT_SECRET_KEY must have at least 32 bytes"),
        ("seed", {}, "run: python -m pricing migrate"),
    ],
)
def test_what_an_operator_can_mend_is_one_line(
    sqlite_url: str, tmp_path: Path, command: str, changes: Mapping[str, str], line: str
) -> None:
    """
    A value that cannot be, or a database that is not migrated, stops the start with one line.
    """
    done = run(command, {**environment_for(sqlite_url), **changes}, tmp_path)

    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


async def test_serving_an_old_database_is_refused(
    sqlite_url: str, tmp_path: Path, free_port: int
) -> None:
    """
    A service whose database is not migrated does not start, and says what to run.
    """
    env = {**environment_for(sqlite_url), "SERVICE_PORT": str(free_port)}
    done = await asyncio.to_thread(run, "serve", env, tmp_path)

    assert done.returncode != 0
    assert "run: python -m pricing migrate" in done.stdout + done.stderr

"""
``python -m gateway``: the service as a process, as an operator runs it.
"""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
from fresh_database import fresh_database
from gateway_app import settings_for

from gateway.settings import Settings
from servicekit.settings import example_env
from servicekit.testing.programs import run_command
from servicekit.testing.serving import serve_process

PROGRAM = (sys.executable, "-m", "gateway")


run = partial(run_command, "gateway")


async def test_it_serves_without_its_backends(tmp_path: Path) -> None:
    """
    It is ready though nothing stands behind it, says what is missing, and writes no file beside its database.
    """
    away = settings_for().identity_service_url
    names = ("IDENTITY_SERVICE_URL", "INVENTORY_SERVICE_URL", "PRICING_SERVICE_URL")
    env = {**dict.fromkeys(names, away), "DATABASE_URL": fresh_database()}
    program = ["/bin/sh", "-c", f'cd "{tmp_path}" && exec "$0" "$@"', *PROGRAM, "serve"]
    async with (
        serve_process(program, env) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        page = await http.get("/")
        product = await http.get("/api/v1/products/TEST-001")

    assert page.status_code == 200
    assert (product.status_code, product.headers["Retry-After"].isdigit()) == (503, True)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_it_serves_once_its_databases_are_migrated(tmp_path: Path, free_port: int) -> None:
    """
    Before, the start is refused with one line that says what to run; ``migrate`` makes both its databases.
    """
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db"}

    port = {"SERVICE_PORT": str(free_port)}
    refused = await asyncio.to_thread(run, "serve", url | port, tmp_path)
    migrated = await asyncio.to_thread(run, "migrate", url, tmp_path)

    assert (refused.returncode, migrated.returncode) == (3, 0)
    assert "run: python -m gateway migrate" in refused.stdout
    async with (
        serve_process([*PROGRAM, "serve"], url) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        ready = await http.get("/health/ready")
    assert ready.status_code == 200


def test_settings_are_printed(tmp_path: Path) -> None:
    """
    ``settings`` prints what .env.example holds.
    """
    done = run("settings", {}, tmp_path)

    assert (done.returncode, done.stdout) == (0, example_env(Settings))


@pytest.mark.parametrize(
    ("command", "changes", "line"),
    [
        ("serve", {"PRICING_SERVICE_URL": "pricing"}, "PRICING_SERVICE_URL"),
        ("serve", {"CIRCUIT_BREAKER_TIMEOUT": "0"}, "CIRCUIT_BREAKER_TIMEOUT"),
        ("serve", {"API_V1_PREFIX": "api"}, "API_V1_PREFIX"),
        ("migrate", {"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL"),
    ],
)
async def test_what_an_operator_can_mend_is_one_line(
    tmp_path: Path, command: str, changes: dict[str, str], line: str
) -> None:
    """
    A setting that cannot be is one line and exit code 2.
    """
    done = await asyncio.to_thread(run, command, changes, tmp_path)

    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1

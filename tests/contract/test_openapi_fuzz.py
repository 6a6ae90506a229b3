"""
What a service says of itself in ``/openapi.json`` is held against what it does, by schemathesis:
every operation, with good and bad input, alone and in sequences.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servicekit import migrations
from servicekit.testing.serving import serve_process
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

SECRET = "a-secret-that-only-this-test-knows-0123456789"
SEED = 20_261
WITHIN_S = 240


@dataclass(frozen=True, slots=True)
class Described:
    """
    A service under test, and what is left out, each with its reason.
    """

    package: str
    permissions: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: A path's pattern -> why it is not called.
    skipped_paths: Mapping[str, str] = field(default_factory=dict)
    #: A check -> why it is not made.
    skipped_checks: Mapping[str, str] = field(default_factory=dict)


#: Nothing of a service's own is left out.
_EVERYWHERE = {
    "^/(metrics|docs|redoc)": "no API: text for Prometheus and pages for people",
    "^/health": "held to its contract by the conformance suite; 503 while a dependency is away",
}
SERVICES = (
    Described("inventory", permissions=("stock:write", "catalog:write")),
    Described("pricing", permissions=("prices:quote", "catalog:write")),
)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.package)
async def test_a_service_does_what_it_describes(
    service: Described, sqlite_url: str, tmp_path: Path
) -> None:
    """
    No crash, no undocumented answer, no bad input taken, no good input refused.
    """
    await asyncio.to_thread(migrations.migrate, sqlite_url, service.package)
    program = [sys.executable, "-m", service.package]
    environment = {
        "DATABASE_URL": sqlite_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        **service.environment,
    }
    async with (
        serve_process([*program, "serve"], environment) as served,
    ):
        code, report = await asyncio.to_thread(_examined, service, served.url, tmp_path)
        log = served.log

    assert code == 0, report
    assert "request.crashed" not in log


def _examined(service: Described, url: str, folder: Path) -> tuple[int, str]:
    token = hs256_token(
        SECRET.encode(),
        now=time.time(),
        sub="fuzzer",
        kind="service",
        scope="read write admin",
        permissions=list(service.permissions),
    )
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{url}/openapi.json"),
        *("--checks", "all"),
        *("--max-examples", "25"),
        *("--seed", str(SEED)),
        *("--header", f"Authorization: Bearer {token}"),
        "--continue-on-failure",
        "--no-color",
    ]
    for pattern in (*_EVERYWHERE, *service.skipped_paths):
        command += ["--exclude-path-regex", pattern]
    if service.skipped_checks:
        command += ["--exclude-checks", ",".join(service.skipped_checks)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    return done.returncode, done.stdout + done.stderr

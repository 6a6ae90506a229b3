"""
``python -m identity``: the service as a process, as an operator runs it.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest
from running_identity import GATEWAY, KEY_SECRET, PASSWORDS
from sqlalchemy import make_url

from servicekit.testing.programs import run_command
from servicekit.testing.serving import serve_process

PROGRAM = (sys.executable, "-m", "identity")


def environment(database_url: str) -> dict[str, str]:
    """
    What an operator sets.
    """
    return {
        "DATABASE_URL": database_url,
        "IDENTITY_KEY_SECRET": KEY_SECRET,
        "SEED_SHOPPER_PASSWORD": PASSWORDS["shopper"],
        "SEED_ADMIN_PASSWORD": PASSWORDS["admin"],
        "SEED_CLIENTS": json.dumps(dict([GATEWAY])),
    }


run = partial(run_command, "identity")


async def sign_in(http: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    """
    Whatever a sign-in answers.
    """
    form = {"grant_type": "password", "username": name, "password": password}
    return await http.post("/auth/token", data=form)


async def test_a_database_is_prepared_seeded_and_served(postgres_url: str, tmp_path: Path) -> None:
    """
    migrate, seed (twice), create-admin, rotate-keys and serve; sessions survive a kill; and no
    secret, password, token or address reaches the log.
    """
    env = environment(postgres_url)
    for command in ("migrate", "seed", "seed", "rotate-keys"):
        done = await asyncio.to_thread(run, command, env, tmp_path)
        assert done.returncode == 0, done.stderr
    typed = "boss\nthe boss has a password\n"
    made = await asyncio.to_thread(run, "create-admin", env, tmp_path, typed)
    assert made.returncode == 0, made.stderr

    async with (
        serve_process([*PROGRAM, "serve"], env) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        tokens = (await sign_in(http, "boss", "the boss has a password")).json()
        await sign_in(http, "shopper@example.com", "not the password")
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
        log = served.log
        served.signal(signal.SIGKILL)
        await served.ended()

    async with (
        serve_process([*PROGRAM, "serve"], env) as served,
        httpx.AsyncClient(base_url=served.url, timeout=30) as http,
    ):
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        valid = await http.post("/auth/validate", headers=bearer)
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        again = await http.post("/auth/token", data=form)
        reused = await http.post("/auth/token", data=form)
        log += served.log

    assert len(keys) == 2
    assert [valid.status_code, again.status_code, reused.status_code] == [200, 200, 401]
    for event in ("auth.token_issued", "auth.sign_in_failed", "auth.refresh_reused"):
        assert event in log
    secrets = [KEY_SECRET, GATEWAY[1], *PASSWORDS.values(), "the boss has a password"]
    secrets += ["not the password", "shopper@example.com"]
    secrets += [tokens["access_token"], tokens["refresh_token"], again.json()["refresh_token"]]
    assert [secret for secret in secrets if secret in log] == []


@pytest.mark.parametrize(
    ("command", "changes", "line"),
    [
        ("serve", {"IDENTITY_KEY_SECRET": ""}, "identity: IDENTITY_KEY_SECRET: is required"),
        ("serve", {"JWT_ALGORITHM": "HS256"}, "JWT_SECRET_KEY must have at least 32 bytes"),
        ("seed", {}, "run: python -m identity migrate"),
        ("seed", {"SEED_CLIENTS": "no json"}, "seed_clients"),
    ],
)
def test_what_an_operator_can_mend_is_one_line(
    sqlite_url: str, tmp_path: Path, command: str, changes: Mapping[str, str], line: str
) -> None:
    """
    A missing or weak secret, or a database that is not migrated, stops the start with one line.
    """
    done = run(command, {**environment(sqlite_url), **changes}, tmp_path)

    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert KEY_SECRET not in done.stderr


def test_seeding_says_what_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    """
    A weak password, a short client secret, and keys under a shared secret are refused.
    """
    env = environment(sqlite_url)
    assert run("migrate", env, tmp_path).returncode == 0
    shared = {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "x" * 32}
    for command, changes, told in (
        ("seed", {"SEED_ADMIN_PASSWORD": "short"}, "must have 12 to 256 characters"),
        ("seed", {"SEED_CLIENTS": '{"api-gateway": "short"}'}, "secret"),
        ("rotate-keys", shared, "shared secret"),
    ):
        done = run(command, {**env, **changes}, tmp_path)
        assert done.returncode == 2, done.stderr
        line = done.stderr.splitlines()[-1]
        assert line.startswith("identity: ")
        assert told in line


async def test_serving_an_old_database_is_refused(
    sqlite_url: str, tmp_path: Path, free_port: int
) -> None:
    """
    A service whose database is not migrated does not start, and says what to run.
    """
    env = {**environment(sqlite_url), "SERVICE_PORT": str(free_port)}
    done = await asyncio.to_thread(run, "serve", env, tmp_path)

    assert done.returncode != 0
    assert "run: python -m identity migrate" in done.stdout + done.stderr


@pytest.mark.postgres
async def test_a_refused_password_is_told_as_such(postgres_url: str, tmp_path: Path) -> None:
    """
    Who is let in by no name or password is not told to wait for the database.
    """
    url = make_url(postgres_url).set(username="a-stranger").render_as_string()

    refused = await asyncio.to_thread(run, "migrate", environment(url), tmp_path)

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "identity: The database is there, and refuses the user or the password of DATABASE_URL."
    )

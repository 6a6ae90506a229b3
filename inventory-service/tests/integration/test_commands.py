"""
``python -m inventory``: the service as a process, as an operator runs it.
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from inventory_app import MERCHANT, SECRET, SERVICE, bearer, environment

from servicekit.testing import eventually
from servicekit.testing.programs import run_command
from servicekit.testing.serving import serve_process

PROGRAM = (sys.executable, "-m", "inventory")


run = partial(run_command, "inventory")


async def test_a_shop_is_prepared_and_served(postgres_url: str, tmp_path: Path) -> None:
    """
    migrate, seed, serve; the running service gives expired stock back by itself; seeding again
    changes nothing that has changed; the audit finds the books right.
    """
    env = environment(postgres_url) | {
        "RESERVATION_SECONDS": "1",
        "SWEEP_INTERVAL_SECONDS": "0.1",
    }
    for command in ("migrate", "seed"):
        done = await asyncio.to_thread(run, command, env, tmp_path)
        assert done.returncode == 0, done.stderr

    async with (
        serve_process([*PROGRAM, "serve"], env) as served,
        httpx.AsyncClient(base_url=f"{served.url}/api/v1", timeout=30) as http,
    ):
        line = {"orderId": "o-1", "productId": "TEST-001", "quantity": 2}
        made = await http.post("/stock/reserve", json=line, headers=bearer(SERVICE))
        assert made.status_code == 201

        async def is_free() -> bool:
            return bool((await http.get("/products/TEST-001")).json()["reserved"] == 0)

        await eventually(is_free, within_s=20)
        patch = {"name": "Other earbuds"}
        await http.patch("/products/TEST-001", json=patch, headers=bearer(MERCHANT))
        await http.delete("/products/TEST-002", headers=bearer(MERCHANT))
        seeded = await asyncio.to_thread(run, "seed", env, tmp_path)
        changed = (await http.get("/products/TEST-001")).json()
        total = (await http.get("/products")).json()["total"]
    audit = await asyncio.to_thread(run, "audit", env, tmp_path)

    assert seeded.returncode == 0, seeded.stderr
    assert (changed["name"], changed["stockLevel"], total) == ("Other earbuds", 140, 59)
    assert (audit.returncode, audit.stderr) == (0, "")
    assert audit.stdout == "products that differ from their ledger: 0\n"


def test_an_audit_fails_on_wrong_books(tmp_path: Path) -> None:
    """
    Exit code 1, and a line for each product that differs.
    """
    env = environment(f"sqlite:///{tmp_path}/shop.db")
    for command in ("migrate", "seed"):
        assert run(command, env, tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("UPDATE products SET stock_level = 141 WHERE id = 'TEST-001'")
        connection.commit()

    done = run("audit", env, tmp_path)
    assert done.returncode == 1
    found, count = done.stdout.splitlines()
    assert found.startswith("TEST-001: stock level 141, by its movements 140; reserved 0")
    assert count == "products that differ from their ledger: 1"


@pytest.mark.parametrize(
    ("command", "changes", "line"),
    [
        ("seed", {}, "run: python -m inventory migrate"),
        ("audit", {}, "run: python -m inventory migrate"),
        ("serve", {"RESERVATION_SECONDS": "0"}, "RESERVATION_SECONDS"),
        ("serve", {"SWEEP_BATCH": "many"}, "SWEEP_BATCH"),
        ("seed", {"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
    ],
)
def test_what_an_operator_can_mend_is_one_line(
    tmp_path: Path, command: str, changes: dict[str, str], line: str
) -> None:
    """
    A database that is not migrated or a setting that cannot be is one line and exit code 2.
    """
    env = environment(f"sqlite:///{tmp_path}/shop.db") | changes
    done = run(command, env, tmp_path)

    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr


async def test_serving_an_old_database_is_refused(tmp_path: Path, free_port: int) -> None:
    """
    A service whose database is not migrated does not start, and says what to run.
    """
    env = environment(f"sqlite:///{tmp_path}/shop.db") | {"SERVICE_PORT": str(free_port)}
    done = await asyncio.to_thread(run, "serve", env, tmp_path)

    assert done.returncode != 0
    assert "run: python -m inventory migrate" in done.stdout + done.stderr

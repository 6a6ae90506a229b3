"""
What was acknowledged is there, whatever happens to the process that wrote it.
"""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from counters import database_with_counters, read_value

WRITER = """
import asyncio, os, sys
from servicekit.database import Database
from sqlalchemy import text

async def main(url):
    database = Database(url)
    number = 0
    while True:
        number += 1
        async with database.write() as connection:
            await connection.execute(text("UPDATE counters SET value = :n"), {"n": number})
        os.write(1, f"{number}\\n".encode())  # the acknowledgement

asyncio.run(main(sys.argv[1]))
"""


async def test_acknowledged_writes_survive_a_kill(database_url: str) -> None:
    """
    A process that is killed amid its writes has lost none that it acknowledged, and torn none.
    """
    async with database_with_counters(database_url) as database:
        for _ in range(2):
            acknowledged = await _killed_while_writing(database_url)

            a, b = await read_value(database, "a"), await read_value(database, "b")
            assert a == b
            assert acknowledged <= a <= acknowledged + 1


async def test_file_is_sound_after_kills(sqlite_url: str) -> None:
    """
    A SQLite file whose writer was killed passes SQLite's own check, and needs no repair.
    """
    async with database_with_counters(sqlite_url):
        pass
    for _ in range(2):
        await _killed_while_writing(sqlite_url)

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


async def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """
    Processes that meet at a file that is not there yet all get to write.
    """
    url = f"sqlite:///{tmp_path}/new/folder/shop.db"
    script = (
        "import asyncio, sys\n"
        "from servicekit.database import Database\n"
        "from sqlalchemy import text\n"
        "async def main():\n"
        "    database = Database(sys.argv[1])\n"
        "    sys.stdin.readline()\n"
        "    await database.ping()\n"
        "    async with database.write() as connection:\n"
        "        await connection.execute(text('CREATE TABLE IF NOT EXISTS t (x INTEGER)'))\n"
        "        await connection.execute(text('INSERT INTO t VALUES (1)'))\n"
        "    await database.aclose()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, url, stdin=subprocess.PIPE
        )
        for _ in range(3)
    ]
    await asyncio.gather(*(process.communicate(b"\n") for process in processes))

    assert [process.returncode for process in processes] == [0, 0, 0]
    with closing(sqlite3.connect(tmp_path / "new/folder/shop.db")) as file:
        assert file.execute("SELECT count(*) FROM t").fetchone() == (3,)


async def _killed_while_writing(url: str) -> int:
    """
    Let a process write until it has acknowledged a few, kill it; the last acknowledgement.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(20):
        await asyncio.wait_for(process.stdout.readline(), 30)
    os.kill(process.pid, signal.SIGKILL)
    rest = await process.stdout.read()
    await process.wait()
    return 20 + rest.count(b"\n")

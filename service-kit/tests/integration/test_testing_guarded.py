"""
Processes that end with those who want them.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicekit.testing import eventually
from servicekit.testing.guarded import GuardedProcess, exclusive_lock, shared_lock
from servicekit.testing.postgres import _reachable

STUBBORN = [
    *(sys.executable, "-I", "-S", "-c"),
    """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, b"deaf")
while True:
    signal.pause()
""",
]


@pytest.fixture
def wanted(tmp_path: Path) -> Iterator[Path]:
    lock = tmp_path / "lock"
    with shared_lock(lock):
        yield lock


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _stubborn(lock: Path, folder: Path, *, detached: bool = False) -> GuardedProcess:
    process = GuardedProcess(
        STUBBORN, lock=lock, log=folder / "log", grace_s=0.2, detached=detached, remove=[folder]
    )
    await eventually(lambda: (folder / "log").read_text() == "deaf")
    return process


async def test_process_that_will_not_end_is_killed(wanted: Path, tmp_path: Path) -> None:
    """
    ``stop`` asks, and insists; what the process has kept stays while somebody wants it.
    """
    process = await _stubborn(wanted, tmp_path)

    assert process.is_running
    assert process.stop() == -signal.SIGKILL
    assert not _is_alive(process.pid)
    assert (tmp_path / "log").exists()


@pytest.mark.parametrize("detached", [False, True])
async def test_process_ends_when_nobody_wants_it(tmp_path: Path, detached: bool) -> None:
    """
    When the last lock is given back even a stubborn process ends, and its folder goes.
    """
    folder = tmp_path / "kept"
    folder.mkdir()
    with shared_lock(tmp_path / "lock"), shared_lock(tmp_path / "lock"):
        process = await _stubborn(tmp_path / "lock", folder, detached=detached)
        assert process.is_running

    await eventually(lambda: not folder.exists() and not process.is_running)

    assert not _is_alive(process.pid)


async def test_process_stays_while_one_of_two_wants_it(wanted: Path, tmp_path: Path) -> None:
    """
    One holder that leaves takes nothing away from another.
    """
    with shared_lock(wanted):
        process = await _stubborn(wanted, tmp_path)

    assert process.is_running
    process.kill()


async def test_process_dies_with_its_guardian(wanted: Path, tmp_path: Path) -> None:
    """
    Even a guardian that is killed leaves nothing behind (on Linux).
    """
    process = await _stubborn(wanted, tmp_path)

    os.kill(process._guardian.pid, signal.SIGKILL)
    process._guardian.wait(10)

    await eventually(lambda: not _is_alive(process.pid))


def test_exclusive_lock_is_given_back(tmp_path: Path) -> None:
    """
    A lock can be taken again once it was given back.
    """
    for _ in range(2):
        with exclusive_lock(tmp_path / "lock"):
            assert (tmp_path / "lock").exists()


def test_closed_folder_is_no_obstacle(tmp_path: Path) -> None:
    """
    Where the server's own user could not reach the wheel, it gets a copy of it.
    """
    binary = tmp_path / "closed" / "install" / "bin" / "postgres"
    binary.parent.mkdir(parents=True)
    binary.touch()
    (tmp_path / "closed").chmod(0o700)

    copied = _reachable(binary.parent, tmp_path)

    assert (copied / "postgres").exists()
    assert tmp_path / "closed" not in copied.parents
    assert _reachable(Path("/bin"), tmp_path) == Path("/bin")

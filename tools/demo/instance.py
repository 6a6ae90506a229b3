"""
One demo per folder: a lock that the system lets go of when its holder ends, however it ends.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.demo.settings import DemoProblem


@contextmanager
def only_instance(folder: Path) -> Iterator[None]:
    """
    Holds the folder's lock, or raises naming the process that does.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            raise DemoProblem(
                f"The demo of {folder} is running already (process {holder})."
                f" Stop that one first: Ctrl-C there, or kill {holder}."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def forget(all_data: Path, demo_folder: Path) -> None:
    """
    Removes everything that was stored, unless a demo is using it.
    """
    if demo_folder.is_dir():
        with only_instance(demo_folder):
            shutil.rmtree(all_data)
    elif all_data.exists():
        shutil.rmtree(all_data)

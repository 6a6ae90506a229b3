"""
One process to a SQLite file.

The journal on SQLite has one executor, whose work is taken up at the next start. A second
process on the same file would take up what the first is doing.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servicekit.durable.errors import AlreadyRunning


@contextmanager
def alone_on(database: Path) -> Iterator[None]:
    """
    Hold the file's lock, which ends with the process; raises ``AlreadyRunning`` where it is held.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(str(database)) from error
        yield

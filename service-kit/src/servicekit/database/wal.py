"""
How a SQLite file goes over to WAL, with whoever else is just opening it.

SQLite's busy timeout does not always hold here: where two open a new file at once the change may be
refused without a wait. So whoever is refused asks again, every ``PAUSE_S``.
"""

import sqlite3
import time
from typing import Final

PAUSE_S: Final = 0.02


def refused(connection: sqlite3.Connection) -> sqlite3.OperationalError | None:
    """
    Put the file into WAL mode, or leave it there. What SQLite says while somebody else is in the way.
    """
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            return error
        raise
    return None


def go_over_to_wal(connection: sqlite3.Connection, *, within_s: float) -> None:
    """
    The same, waiting for whoever is in the way; raises what SQLite says where that takes too long.
    """
    give_up_at = time.monotonic() + within_s
    while (error := refused(connection)) is not None:
        if time.monotonic() >= give_up_at:
            raise error
        time.sleep(PAUSE_S)

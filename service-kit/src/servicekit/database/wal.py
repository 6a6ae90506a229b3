"""
How a SQLite file goes over to WAL, with whoever else is just opening it.
"""

import sqlite3
import time
from typing import Final

_PAUSE_S: Final = 0.02


def go_over_to_wal(connection: sqlite3.Connection, *, within_s: float) -> None:
    """
    Put the file into WAL mode; one that is in it already stays as it is.

    SQLite's busy timeout does not hold here: where somebody else has the file for themselves, as who
    makes a new one has it for a moment, the change is refused at once. So it is asked for again.
    """
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() >= give_up_at:
                raise
        else:
            return
        time.sleep(_PAUSE_S)

"""
An end that comes even where something of the process does not want to end.

What stops may hang in a way that nothing in Python can end: a thread that waits in a driver for a
database which takes connections and says nothing. The interpreter itself waits for such threads.
"""

import os
import threading
from typing import Final

import structlog

#: Where a process could not end in order.
CUT_SHORT: Final = 1

log = structlog.get_logger()


def end_within(seconds: float) -> None:
    """
    End this process after ``seconds``, whatever it does then, as ``kill -9`` would; unless it has ended.

    To be called once all that matters to others is done: nothing is given back and nobody is told.
    """
    timer = threading.Timer(seconds, _end, (seconds,))
    # It must not keep the process from ending before.
    timer.daemon = True
    timer.start()


def _end(seconds: float) -> None:
    log.critical("service.stop_cut_short", after_s=seconds)
    os._exit(CUT_SHORT)

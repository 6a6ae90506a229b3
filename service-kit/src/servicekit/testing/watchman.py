"""
Counts for how long the machine stood still: whoever does nothing but sleep, and wakes late, was kept
asleep by the machine.

A script on the standard library alone: it starts in some 20 ms. Its one argument is a file, in which
it keeps ``COUNTS``; it ends when whoever started it is gone.
"""

import mmap
import os
import struct
import sys
import time

#: How often it has looked; seconds that were lost in all; and of these those in a piece of a second or more.
COUNTS = struct.Struct("=Qdd")
_LOOKS_EVERY_S = 0.02
#: Who is woken a little late only stood in a queue.
_NOTICED_S = 0.02
_LONG_S = 1.0


def watch(counts: mmap.mmap, employer: int) -> None:
    """
    Look again and again, for as long as it is wanted.
    """
    looks, lost_s, lost_at_once_s = 0, 0.0, 0.0
    before = time.monotonic()
    while os.getppid() == employer:
        time.sleep(_LOOKS_EVERY_S)
        now = time.monotonic()
        late_s = now - before - _LOOKS_EVERY_S
        before = now
        lost_s += late_s if late_s > _NOTICED_S else 0.0
        lost_at_once_s += late_s if late_s > _LONG_S else 0.0
        looks += 1
        COUNTS.pack_into(counts, 0, looks, lost_s, lost_at_once_s)


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), COUNTS.size) as shared:  # noqa: PTH123 - no pathlib
        watch(shared, os.getppid())

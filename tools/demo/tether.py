"""
Runs a program that cannot outlive the process which started it.

``python tether.py <parent's pid> <program> <arguments...>``: asks the kernel for SIGKILL when
the parent ends, even by SIGKILL, then becomes the program. Linux only; elsewhere the program
just runs, and a demo that was killed outright leaves its services for the user to stop.

Standard library only and imports nothing of ours, so that it costs milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: signal.Signals) -> None:
    """
    Have the signal sent to this process when its parent ends; end now when it has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        sys.exit(f"The process {parent} that wanted this one is gone.")


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]), signal.SIGKILL)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell: becoming the program is the point

"""
Begins a program as the first process of a container: ``python -m servicekit.launch PACKAGE ARGUMENT...``.

The kernel gives a container's first process no signal that it has no handler for, and a service imports for a
second before its server has one: a pod that is deleted just then would go on until it is killed. So the first
deed is a handler, and only then ``python -m PACKAGE`` begins. This module imports next to nothing for that reason.
"""

import os
import runpy
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

#: As a shell tells of what a signal has ended.
_BY_A_SIGNAL: Final = 128


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """
    As the signal would, had it no handler and were this not the first process.
    """
    os._exit(_BY_A_SIGNAL + number)


def main() -> None:
    """
    Be ``python -m PACKAGE ARGUMENT...``, but end by SIGTERM from now on.
    """
    signal.signal(signal.SIGTERM, _end)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

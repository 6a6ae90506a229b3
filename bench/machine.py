"""
What the system tells of a process and of its cores. Where there is no /proc, it tells NaN.
"""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class CoreTime:
    """
    How long a core was busy and how long it has been there; seconds, in all.
    """

    busy_s: float
    total_s: float

    def busy_since(self, before: "CoreTime") -> float:
        """
        The share of the time since ``before``, in percent.
        """
        total_s = self.total_s - before.total_s
        return (self.busy_s - before.busy_s) / total_s * 100 if total_s else math.nan


def cpu_s(pid: int) -> float:
    """
    The processor time that a process has used, all its threads together; seconds.
    """
    with suppress(FileNotFoundError):
        # The name in parentheses may hold blanks; user and system time are fields 14 and 15.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return math.nan


def memory_mb(pid: int, which: str = "VmRSS") -> float:
    """
    The memory that a process has in RAM, or with "VmHWM" the most that it has had; megabytes.
    """
    with suppress(FileNotFoundError):
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith(f"{which}:"):
                return int(line.split()[1]) / 1024
    return math.nan


def core_time(core: int) -> CoreTime:
    """
    What a core has done so far.
    """
    with suppress(FileNotFoundError):
        for line in (_PROC / "stat").read_text().splitlines():
            name, *ticks = line.split()
            if name == f"cpu{core}":
                # user nice system idle iowait irq softirq steal; guests are in user already.
                spent = [int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks[:8]]
                return CoreTime(sum(spent) - spent[3] - spent[4], sum(spent))
    return CoreTime(math.nan, math.nan)

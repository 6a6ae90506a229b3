"""
Tests on a machine that stands still now and then.

A machine that other work needs, or that is paused and resumed, does nothing for a second or three, and
then no timer is in time. Most tests need not care: they give others plenty of time, or have a clock of
their own (``clock``, ``leaping``). One that measures real time can do neither, and says so by a mark::

    @pytest.mark.real_time
    async def test_who_hangs_is_given_up_in_time() -> None: ...

Where it fails although nobody stood still, it fails. Where it fails and the machine stood still
meanwhile, it has measured the machine, and runs again, with new fixtures of its own; those of its module
and its session stay. Every other test does so as well where the machine stood still for a second or more.
The end of the run counts and names them all, and a run where they are many has failed: a stop breaks one test
a worker at most and most tests bear it, so many are a race that hides, or a machine that says nothing.
"""

import atexit
import functools
import mmap
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import pytest
from _pytest.runner import runtestprotocol

from servicekit.testing import watchman
from servicekit.testing.polling import wait_until

_TRIES = 5
#: Tests of a run that may have run again: a dozen stops, each of which breaks the tests of two workers.
MANY = 25
PROPERTY = "tries on a machine that stood still"


@dataclass(frozen=True, slots=True)
class Lost:
    """
    Seconds for which the machine stood still so far: in all, and of these those at once.
    """

    looks: int
    all_s: float
    at_once_s: float


class Watchman:
    """
    A process that does nothing but look at the clock, beside the tests.
    """

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(watchman.COUNTS.pack(0, 0.0, 0.0))
            file.flush()
            self._counts = mmap.mmap(file.fileno(), watchman.COUNTS.size)
            argv = [sys.executable, "-I", "-S", watchman.__file__, file.name]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)  # noqa: S603 - our own script
            self.looked()
        atexit.register(self._end)

    def so_far(self) -> Lost:
        """
        What it has counted by now.
        """
        return Lost(*watchman.COUNTS.unpack_from(self._counts))

    def looked(self) -> Lost:
        """
        What it has counted once it has looked again: it may wake after whom it watches over.
        """
        seen = self.so_far().looks + 2
        wait_until(lambda: self.so_far().looks >= seen, within_s=60, what="the watchman looks")
        return self.so_far()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


@functools.cache
def _watchman() -> Watchman:
    return Watchman()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """
    Run a test, and again for as long as it fails and the machine stood still.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """
    Of the first try that nothing can be said against, or of the last.
    """
    recorded = list(item.user_properties)
    for number in range(1, _TRIES):
        before = _watchman().so_far()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.failed for report in reports) or not _stood_still(item, before):
            return reports
        # What this try has recorded, the next one records again.
        item.user_properties = [*recorded, (PROPERTY, number + 1)]
    return runtestprotocol(item, log=False, nextitem=nextitem)


def _stood_still(item: pytest.Item, before: Lost) -> bool:
    after = _watchman().looked()
    if item.get_closest_marker("real_time") is not None:
        return after.all_s > before.all_s
    return after.at_once_s > before.at_once_s


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """
    Fail a run where many tests ran again.
    """
    # Workers have none: who hands out their tests does the counting.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == pytest.ExitCode.OK and len(_again(reporter)) > MANY:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """
    Count and name the tests that ran again, and how often.
    """
    again = _again(terminalreporter)
    if not again:
        return
    terminalreporter.section(f"{len(again)} ran again: the machine stood still", sep="=")
    for nodeid, number in again.items():
        terminalreporter.write_line(f"{nodeid}: {number} {PROPERTY}")
    if len(again) > MANY:
        terminalreporter.write_line(
            f"FAILED: more than {MANY} ran again; look for a race, or for a quieter machine",
            red=True,
        )


def _again(reporter: pytest.TerminalReporter) -> dict[str, int]:
    """
    The tests that had more than one try, and how many.
    """
    return {
        report.nodeid: number
        for reports in reporter.stats.values()
        for report in reports
        for name, number in getattr(report, "user_properties", ())
        if name == PROPERTY
    }

"""
Tests that measure real time, on a machine that stands still now and then.

A machine that other work needs, or that is paused and resumed, does nothing for a second or three, and
then no timer is in time. Most tests need not care: they give others plenty of time, or have a clock of
their own (``clock``, ``leaping``). One that can do neither says so by a mark::

    @pytest.mark.real_time
    async def test_who_hangs_is_given_up_in_time() -> None: ...

Where it fails although nobody stood still, it fails. Where it fails and its process stood still
meanwhile, it has measured the machine, and runs again, with its fixtures made anew.
"""

import threading
import time
from typing import Self

import pytest
from _pytest.runner import runtestprotocol

_TRIES = 10
_LOOKS_EVERY_S = 0.01
#: Whoever is woken later than that has stood still. It is shorter than what a test can measure.
_NOTICED_S = 0.02


class Watch:
    """
    Knows for how long this process stood still: a thread that only sleeps was not woken in time,
    and nobody else in the process worked, either.
    """

    def __init__(self) -> None:
        self.stood_still_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stood-still", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        before, worked_before = time.perf_counter(), time.process_time()
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(_LOOKS_EVERY_S)
            now, worked = time.perf_counter(), time.process_time()
            late_s = (now - before) - (worked - worked_before) - _LOOKS_EVERY_S
            if late_s > _NOTICED_S:
                self.stood_still_s += late_s
            before, worked_before = now, worked


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """
    Run a test that is marked so again, while it fails and the process stood still.
    """
    if item.get_closest_marker("real_time") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """
    Of the first try that nothing can be said against, or of the last.
    """
    for _ in range(_TRIES - 1):
        with Watch() as watch:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not watch.stood_still_s or not any(report.failed for report in reports):
            return reports
    return runtestprotocol(item, log=False, nextitem=nextitem)

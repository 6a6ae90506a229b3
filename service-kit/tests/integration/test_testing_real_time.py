"""
Whether a test that measures real time is told apart from a machine that stood still.
"""

import time
from pathlib import Path

import pytest
from inner_runs import Inner

from servicekit.testing.real_time import Watch

STORY = """
import os, subprocess
from pathlib import Path
import pytest

def stand_still(seconds):
    stop_and_go = f'kill -STOP "$PPID"; sleep {seconds}; kill -CONT "$PPID"'
    subprocess.run(["sh", "-c", stop_and_go], check=True)

def tries(name):
    notes = Path(os.environ["NOTES"])
    with notes.open("a") as file:
        file.write(f"{name}\\n")
    return notes.read_text().split().count(name)

@pytest.mark.real_time
def test_machine(tmp_path):
    (tmp_path / "a fixture made anew").mkdir()
    if tries("machine") < 3:
        stand_still(0.3)
        raise AssertionError

@pytest.mark.real_time
def test_both():
    tries("both")
    stand_still(0.05)
    raise AssertionError

@pytest.mark.real_time
def test_well():
    tries("well")
    stand_still(0.05)

@pytest.mark.real_time
@pytest.mark.parametrize("number", range(3))
def test_ours(number):
    assert tries(f"ours{number}") > 1

def test_unmarked():
    stand_still(0.3)
    assert tries("unmarked") > 1
"""


def test_what_measured_the_machine_runs_again(tmp_path: Path) -> None:
    """
    A marked test that fails while its process stood still has other tries, a bounded number; one that
    fails for another reason, or is not marked, has none.
    """
    inner = Inner(tmp_path, STORY)

    code, output = inner.run()

    noted = inner.notes.read_text().split()
    assert code == 1
    assert "::test_machine PASSED" in output
    assert "::test_well PASSED" in output
    assert [noted.count(name) for name in ("machine", "both", "well")] == [3, 10, 1]
    assert "::test_both FAILED" in output
    assert "::test_unmarked FAILED" in output
    # This machine may stand still as well, if not in each of three moments.
    assert any(f"::test_ours[{number}] FAILED" in output for number in range(3))


def test_a_process_that_works_does_not_stand_still() -> None:
    """
    Nobody is excused for being busy: what counts is the time in which the process did nothing.
    """
    began, worked = time.perf_counter(), time.process_time()
    with Watch() as watch:
        while time.process_time() - worked < 0.3:
            sorted(range(300_000, 0, -1), key=str)
    idle_s = (time.perf_counter() - began) - (time.process_time() - worked)

    assert watch.stood_still_s == pytest.approx(0, abs=max(0.0, idle_s) + 0.1)

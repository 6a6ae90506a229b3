"""
Whether what a test says of us is told apart from what it says of a machine that stood still.
"""

from pathlib import Path

import pytest
from inner_runs import Inner

from servicekit.testing.real_time import MANY, PROPERTY

STORY = """
import os, subprocess
from pathlib import Path
import pytest

def stand_still(seconds):
    ours = os.getpgrp()
    stop_and_go = f"kill -STOP -{ours}; sleep {seconds}; kill -CONT -{ours}"
    subprocess.run(["sh", "-c", stop_and_go], check=True, start_new_session=True)

def tries(name):
    notes = Path(os.environ["NOTES"])
    with notes.open("a") as file:
        file.write(f"{name}\\n")
    return notes.read_text().split().count(name)

@pytest.mark.real_time
def test_machine(tmp_path, record_property, request):
    record_property("noted", "by this try")
    assert request.node.user_properties.count(("noted", "by this try")) == 1
    (tmp_path / "a fixture made anew").mkdir()
    if tries("machine") < 3:
        stand_still(0.3)
        raise AssertionError

@pytest.mark.real_time
def test_both():
    tries("both")
    stand_still(0.1)
    raise AssertionError

@pytest.mark.real_time
def test_well():
    tries("well")
    stand_still(0.1)

def test_unmarked():
    if tries("unmarked") == 1:
        stand_still(1.3)
        raise AssertionError

@pytest.mark.parametrize("number", range(3))
def test_unmarked_for_a_moment(number):
    stand_still(0.2)
    assert tries(f"moment{number}") > 1

@pytest.mark.real_time
@pytest.mark.parametrize("number", range(3))
def test_ours(number):
    assert tries(f"ours{number}") > 1
"""


def test_what_was_measured_of_the_machine_is_measured_again(tmp_path: Path) -> None:
    """
    A test that fails while the machine stood still has other tries, a bounded number, and is named; one
    that fails for another reason has none, nor one that is not marked for a stop of a moment.
    """
    inner = Inner(tmp_path, STORY)

    code, output = inner.run()

    noted = inner.notes.read_text().split()
    assert code == 1
    assert [noted.count(name) for name in ("machine", "both", "well")] == [3, 5, 1]
    for name, verdict in {"machine": "PASSED", "both": "FAILED", "unmarked": "PASSED"}.items():
        assert f"::test_{name} {verdict}" in output
    assert "::test_machine: 3 tries on a machine that stood still" in output
    # This machine may stand still as well, if not in each of three moments.
    for name in ("ours", "unmarked_for_a_moment"):
        assert any(f"::test_{name}[{number}] FAILED" in output for number in range(3))


MANY_AGAIN = """
import pytest

def pytest_generate_tests(metafunc):
    metafunc.parametrize("number", range({tests}))

@pytest.fixture(autouse=True)
def said_to_have_run_again(request):
    request.node.user_properties.append(({name!r}, 2))

def test_something(number):
    pass
"""


@pytest.mark.parametrize(
    ("tests", "workers", "expected"), [(MANY, 0, 0), (MANY + 1, 0, 1), (MANY + 1, 2, 1)]
)
def test_a_run_of_many_tries_has_failed(
    tmp_path: Path, tests: int, workers: int, expected: int
) -> None:
    """
    Tests that ran again are counted, and where they are many the run is red although each of them is green.
    """
    inner = Inner(tmp_path, MANY_AGAIN.format(tests=tests, name=PROPERTY))

    code, output = inner.run("-n", str(workers))

    assert code == expected
    assert f"{tests} ran again: the machine stood still" in output
    assert ("FAILED: more than" in output) is bool(expected)

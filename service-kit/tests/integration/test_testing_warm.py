"""
Programs that start with their imports done are processes like any others.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servicekit.testing import eventually
from servicekit.testing.polling import wait_until
from servicekit.testing.programs import run_program
from servicekit.testing.warm import WarmProcess, can_be_warm

SHOW = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv, "folder": os.getcwd(), "path": sys.path[0], "name": __name__,
    "environment": dict(os.environ), "typed": sys.stdin.read(), "open": os.listdir("/proc/self/fd"),
}))
print("to the operator", file=sys.stderr)
sys.exit(3)
"""
WAIT = "import sys, time; print('here', flush=True); time.sleep(60)"


def script(folder: Path, code: str) -> list[str]:
    """
    The program that runs ``code``.
    """
    path = folder / "program.py"
    path.write_text(code)
    return [sys.executable, str(path)]


def test_a_program_finds_what_it_was_given(tmp_path: Path) -> None:
    """
    Its arguments, environment, folder and input are its own, and its output and exit code are told.
    """
    folder = tmp_path / "folder"
    folder.mkdir()

    done = run_program([*script(tmp_path, SHOW), "serve"], {"ONLY": "here"}, folder, "typed")

    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (3, "to the operator\n")
    assert found["arguments"] == [str(tmp_path / "program.py"), "serve"]
    assert (found["folder"], found["path"]) == (str(folder), str(tmp_path))
    assert (found["name"], found["typed"]) == ("__main__", "typed")
    assert found["environment"] == {**os.environ, "ONLY": "here"}
    assert len(found["open"]) == 4, "the three streams, and the folder that is listed"


def test_an_error_is_shown_and_counts(tmp_path: Path) -> None:
    """
    A program that fails ends as Python ends it: a traceback, and exit code 1.
    """
    done = run_program(script(tmp_path, "raise LookupError('of the program')"), {}, tmp_path)

    assert done.returncode == 1
    assert done.stderr.endswith("LookupError: of the program\n")


def test_a_package_is_run_as_a_package(tmp_path: Path) -> None:
    """
    ``-m`` finds what stands in the folder, and each program begins anew.
    """
    (tmp_path / "parlour.py").write_text("import sys; print(sys.argv[1:])")

    said = {
        run_program([sys.executable, "-m", "parlour", one], {}, tmp_path).stdout for one in "ab"
    }

    assert said == {"['a']\n", "['b']\n"}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
async def test_a_program_can_be_ended(tmp_path: Path, ending: signal.Signals) -> None:
    """
    Signals reach it, and how it ended is told, as often as it is asked.
    """
    said = tmp_path / "said"
    with said.open("wb") as output, (tmp_path / "errors").open("wb") as errors:
        process = WarmProcess(
            script(tmp_path, WAIT), env=os.environ, stdout=output.fileno(), stderr=errors.fileno()
        )
    await eventually(said.read_text, within_s=30)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    before = process.poll()

    os.kill(process.pid, ending)

    assert before is None
    assert [process.wait(30), process.wait(30), process.poll()] == [-ending] * 3


def test_what_needs_a_python_of_its_own_gets_one(tmp_path: Path) -> None:
    """
    Other programs, code on the command line and other settings of Python are not forked.
    """
    program = script(tmp_path, SHOW)

    assert can_be_warm(program, os.environ) is (sys.platform == "linux")
    assert not can_be_warm(["/bin/sh", "x.py"], os.environ)
    assert not can_be_warm([sys.executable, "-c", "pass"], os.environ)
    assert not can_be_warm(program, {**os.environ, "PYTHONOPTIMIZE": "1"})


def test_nothing_is_left_when_the_tests_are_killed(tmp_path: Path) -> None:
    """
    Who starts programs may be killed: what forks them ends as well.
    """
    asking = tmp_path / "asking.py"
    asking.write_text(
        "import os, sys, time; from servicekit.testing.warm import WarmProcess, _parent;"
        "from pathlib import Path;"
        "WarmProcess([sys.executable, sys.argv[1]], env=os.environ).wait(60);"
        "print(_parent()._process.pid, flush=True); time.sleep(60)"
    )
    program = script(tmp_path, "pass")[1]
    with subprocess.Popen([sys.executable, str(asking), program], stdout=subprocess.PIPE) as tests:
        assert tests.stdout is not None
        parent = int(tests.stdout.readline())
        tests.kill()

    wait_until(lambda: not Path(f"/proc/{parent}").exists(), within_s=20, what="the parent ends")

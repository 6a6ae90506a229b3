"""
A process that does not want to end.
"""

import sys
from pathlib import Path

from servicekit.testing.programs import run_program

STUCK = """
import sys, threading
from servicekit.serving.ending import end_within
end_within(float(sys.argv[1]))
if sys.argv[2] == "stuck":
    threading.Thread(target=threading.Event().wait).start()
"""


def test_a_process_with_a_thread_that_hangs_ends(tmp_path: Path) -> None:
    """
    What hangs at the very end, where the interpreter waits for its threads, is cut off, and that is told.
    """
    program = tmp_path / "stuck.py"
    program.write_text(STUCK)

    ended = run_program([sys.executable, str(program), "0.2", "stuck"], {}, tmp_path)

    assert ended.returncode == 1
    assert "service.stop_cut_short" in ended.stdout


def test_a_process_that_ends_in_time_is_not_waited_for(tmp_path: Path) -> None:
    """
    The bound is no delay: whoever is done before it ends as ever.
    """
    program = tmp_path / "done.py"
    program.write_text(STUCK)

    ended = run_program([sys.executable, str(program), "3600", "done"], {}, tmp_path)

    assert (ended.returncode, ended.stdout) == (0, "")

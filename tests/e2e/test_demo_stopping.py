"""
How the demo ends: by Ctrl-C, by SIGTERM, by force, and when its own process is killed.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.conftest import StartDemo
from tests.e2e.processes import ROOT, is_running, wait_until
from tools.demo.child import describe_end


def test_ctrl_c_stops_the_services_gracefully_and_is_no_failure(start_demo: StartDemo) -> None:
    """
    After one Ctrl-C every service has ended by itself and the exit code is 0.
    """
    demo = start_demo("plain", "plain")
    demo.wait_until_ready()

    demo.press_ctrl_c()

    assert demo.exit_code() == 0
    assert demo.output.count("| stopped gracefully") == 2


def test_sigterm_stops_the_services_gracefully_however_often_it_comes(
    start_demo: StartDemo,
) -> None:
    """
    A SIGTERM that make and a process group both pass on does not turn into a kill.
    """
    demo = start_demo("plain", "ignores-sigterm", "stop_within_s=1")
    demo.wait_until_ready()

    demo.process.send_signal(signal.SIGTERM)
    demo.wait_for("ignored SIGTERM")
    demo.process.send_signal(signal.SIGTERM)

    assert demo.exit_code() == 0
    assert "standin-0 | stopped gracefully" in demo.output
    assert "Killing what did not stop within 1 s" in demo.output


def test_a_closed_terminal_stops_the_services(start_demo: StartDemo) -> None:
    """
    SIGHUP, which a closing terminal sends, ends the demo like SIGTERM.
    """
    demo = start_demo("plain")
    demo.wait_until_ready()

    demo.process.send_signal(signal.SIGHUP)

    assert demo.exit_code() == 0
    assert "stopped gracefully" in demo.output


def test_second_ctrl_c_kills_at_once(start_demo: StartDemo) -> None:
    """
    Who presses Ctrl-C again does not wait for a service that takes its time.
    """
    demo = start_demo("ignores-sigterm", "stop_within_s=600")
    demo.wait_until_ready()
    pid = demo.ask()["pid"]
    demo.press_ctrl_c()
    demo.wait_for("ignored SIGTERM")

    demo.press_ctrl_c()

    assert demo.exit_code() == 0
    assert not is_running(pid)


def test_ctrl_c_while_starting_stops_what_has_started(start_demo: StartDemo) -> None:
    """
    Ctrl-C before everything is ready leaves nothing behind either.
    """
    demo = start_demo("never-ready")
    demo.wait_for("serving as")

    demo.press_ctrl_c()

    assert demo.exit_code() == 0
    assert "stopped gracefully" in demo.output


def test_services_never_outlive_a_killed_supervisor(start_demo: StartDemo) -> None:
    """
    After SIGKILL of the supervisor no service is left, not even one that ignores SIGTERM.
    """
    demo = start_demo("plain", "ignores-sigterm")
    demo.wait_until_ready()
    pids = [demo.ask(place)["pid"] for place in (0, 1)]

    demo.process.kill()

    wait_until(lambda: not any(map(is_running, pids)))


def test_the_demo_ends_with_the_make_that_runs_it(tmp_path: Path) -> None:
    """
    A process that follows its parent is told to stop when the parent is killed.
    """
    follower = tmp_path / "follower.py"
    follower.write_text(
        "import os, signal, time\n"
        "from tools.demo.tether import die_with_parent\n"
        "die_with_parent(os.getppid(), signal.SIGTERM)\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} {follower}; true"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        parent.kill()

        wait_until(lambda: not is_running(pid))


def test_a_process_whose_parent_is_gone_already_does_not_start() -> None:
    """
    The tether closes the gap between the fork and its request to the kernel.
    """
    tether = ROOT / "tools" / "demo" / "tether.py"
    started_at = time.monotonic()

    done = subprocess.run(
        [sys.executable, tether, "1", "/bin/sleep", "600"], capture_output=True, check=False
    )

    assert done.returncode == 1
    assert b"is gone" in done.stderr
    assert time.monotonic() - started_at < 60


def test_ends_are_described_in_words() -> None:
    """
    A signal is named; an exit code is given as it is.
    """
    assert describe_end(3) == "exit code 3"
    assert describe_end(-9) == "killed by SIGKILL"
    assert describe_end(-250) == "killed by signal 250"

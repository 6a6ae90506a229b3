"""
The demo while it runs: restarts, logs, and an output that nobody reads.
"""

import contextlib
import os
import re
import signal
import sys
import threading
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

from tests.e2e.conftest import StartDemo
from tests.e2e.processes import Running, wait_until
from tools.demo.child import Child
from tools.demo.console import Console


def crash(demo: Running, place: int = 0) -> None:
    """
    Ends the stand-in at the place.
    """
    with contextlib.suppress(RemoteDisconnected, ConnectionResetError):
        demo.ask(place, "/crash")


def test_a_service_that_dies_later_is_started_again(start_demo: StartDemo) -> None:
    """
    The end is told with its exit code and last lines, and the service serves again.
    """
    demo = start_demo("plain", "plain", "first_restart_after_s=0.01")
    demo.wait_until_ready()
    first = demo.ask()["pid"]

    crash(demo)

    output = demo.wait_for("starting it again in 0.01 s (1 of 3)")
    assert "standin-0 has ended (exit code 7)" in output
    wait_until(lambda: demo.output.count("standin-0 | serving as") == 2)
    wait_until(demo.answers)
    assert demo.ask()["pid"] != first


def test_a_service_that_keeps_dying_ends_the_demo(start_demo: StartDemo) -> None:
    """
    After three restarts the demo gives up with exit code 1 and stops the others.
    """
    demo = start_demo("plain", "plain", "first_restart_after_s=0.01")
    demo.wait_until_ready()

    for restarts in range(4):
        wait_until(lambda: demo.output.count("standin-1 | serving as") == restarts + 1)  # noqa: B023 - called at once
        crash(demo, place=1)

    assert demo.exit_code() == 1
    assert "standin-1 has ended (exit code 7) and was restarted 3 times" in demo.output
    assert "standin-0 | stopped gracefully" in demo.output


def test_lines_are_kept_in_a_file_for_each_service(
    start_demo: StartDemo, demo_folder: Path
) -> None:
    """
    The file holds the service's own lines; the last run's file stays beside it.
    """
    for _ in range(2):
        demo = start_demo("plain", "plain")
        demo.wait_until_ready()
        demo.press_ctrl_c()
        assert demo.exit_code() == 0

    logs = sorted((demo_folder / "logs").iterdir())

    names = ["standin-0.log", "standin-0.log.1", "standin-1.log", "standin-1.log.1"]
    assert [log.name for log in logs] == names
    for log in logs:
        migrated, serving, stopped = log.read_text(encoding="utf-8").splitlines()
        assert migrated == "migrate done"
        assert serving.startswith("serving as ")
        assert stopped == "stopped gracefully"


def test_an_output_that_nobody_reads_holds_nothing_up(
    start_demo: StartDemo, demo_folder: Path
) -> None:
    """
    With a full pipe for its output the demo still takes its services' lines, into the files.
    """
    reading, writing = os.pipe()
    try:
        demo = start_demo("plain", stdout=writing)
        wait_until(demo.answers)

        demo.ask(0, "/flood")
        demo.ask(0, "/flood")

        log = demo_folder / "logs" / "standin-0.log"
        wait_until(lambda: log.read_bytes().count(b"flood \n") == 40_000)
        demo.press_ctrl_c()
        assert demo.exit_code() == 0
    finally:
        os.close(reading)
        os.close(writing)


def test_an_output_that_is_closed_ends_nothing(start_demo: StartDemo, demo_folder: Path) -> None:
    """
    After ``make demo | head -1`` the services run on, and the end is clean.
    """
    reading, writing = os.pipe()
    os.close(reading)
    try:
        demo = start_demo("plain", stdout=writing)
        wait_until(demo.answers)

        demo.press_ctrl_c()

        assert demo.exit_code() == 0
        log = demo_folder / "logs" / "standin-0.log"
        assert "stopped gracefully" in log.read_text(encoding="utf-8")
    finally:
        os.close(writing)


def test_left_out_lines_are_counted() -> None:
    """
    Who comes back to a blocked terminal is told how many lines went to the files only.
    """
    reading, writing = os.pipe()
    console = Console(writing, ["a"], colours=False, room_lines=2)
    for _ in range(50):
        console.line("a", b"x" * 65_536)
    printed: list[bytes] = []

    with os.fdopen(reading, "rb") as output:
        reader = threading.Thread(target=lambda: printed.extend(output))
        reader.start()
        console.close()
        os.close(writing)
        reader.join()

    lines = [line for line in printed if line.startswith(b"a | x")]
    notices = [re.match(rb"\((\d+) lines are left out here", line) for line in printed]
    assert len(lines) < 50
    assert len(lines) + sum(int(notice[1]) for notice in notices if notice) == 50


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_names_are_coloured_for_people_only(
    start_demo: StartDemo, variables: dict[str, str], *, is_coloured: bool
) -> None:
    """
    A terminal shows names in colour unless it cannot or NO_COLOR says no.
    """
    ours, terminal = os.openpty()
    demo = start_demo("dies-early", stdout=terminal, variables={"NO_COLOR": "", **variables})
    assert demo.exit_code() == 1
    os.close(terminal)

    shown = os.read(ours, 65_536)

    os.close(ours)
    assert (b"\x1b[36mstandin-0 | \x1b[0m" in shown) is is_coloured
    assert b"standin-0 | " in shown


def test_a_pipe_gets_no_colours(start_demo: StartDemo) -> None:
    """
    What is kept or searched by programs carries no control characters.
    """
    demo = start_demo("dies-early", variables={"TERM": "xterm"})

    demo.exit_code()

    assert "\x1b" not in demo.output


def test_without_a_standard_output_the_demo_runs_silently(
    start_demo: StartDemo, demo_folder: Path
) -> None:
    """
    A descriptor that was closed before the start is never written to: it may be another file.
    """
    demo = start_demo("plain", stdout=None)
    wait_until(demo.answers)

    demo.press_ctrl_c()

    assert demo.exit_code() == 0
    assert demo.output == ""
    log = (demo_folder / "logs" / "standin-0.log").read_text(encoding="utf-8")
    assert log.splitlines()[-1] == "stopped gracefully"


async def test_long_and_unfinished_lines_are_passed_on(tmp_path: Path) -> None:
    """
    A line without an end neither fills the memory nor gets lost.
    """
    lines: list[bytes] = []
    program = "import sys; sys.stdout.write('y' * 2_500_000 + '\\n' + 'no newline at the end')"
    child = await Child.start(
        "a",
        [sys.executable, "-c", program],
        environment={},
        folder=tmp_path,
        on_line=lines.append,
    )

    assert await child.ended() == 0

    assert b"".join(lines) == b"y" * 2_500_000 + b"no newline at the end"
    assert max(map(len, lines)) < 1_200_000
    assert child.last_lines[-1] == "no newline at the end"


async def test_an_end_is_noticed_while_a_grandchild_holds_the_output(tmp_path: Path) -> None:
    """
    A program that leaves a process behind with its output does not keep the demo waiting.
    """
    child = await Child.start(
        "a",
        ["/bin/sh", "-c", "sleep 600 & echo $!"],
        environment={"PATH": os.defpath},
        folder=tmp_path,
        on_line=lambda _line: None,
    )

    assert await child.ended() == 0

    os.kill(int(child.last_lines[0]), signal.SIGKILL)

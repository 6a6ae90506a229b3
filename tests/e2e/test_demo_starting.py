"""
How the demo starts: what it checks first, what it tells, and how it fails.
"""

import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import StartDemo
from tests.e2e.processes import free_base, is_running
from tools.demo.ports import check_free, is_free
from tools.demo.services import Service
from tools.demo.settings import DemoProblem, DemoSettings


def test_services_are_prepared_started_and_shown(start_demo: StartDemo) -> None:
    """
    Each service is migrated before it serves, and its address is printed when it is ready.
    """
    demo = start_demo("plain", "plain")

    output = demo.wait_until_ready()

    assert output.index("standin-0 | migrate done") < output.index("standin-0 | serving as")
    assert f"standin-1  http://127.0.0.1:{demo.port_base + 1}" in output


def test_a_port_in_use_is_named_with_the_way_out(start_demo: StartDemo) -> None:
    """
    One line names the port, its service and a DEMO_PORT_BASE that works; nothing was started.
    """
    base = free_base()
    with socket.create_server(("127.0.0.1", base + 1)):
        demo = start_demo("plain", "plain", port_base=base)
        code = demo.exit_code()

    assert code == 1
    (line,) = demo.output.splitlines()
    assert f"Port {base + 1} (standin-1) in use" in line
    offered = int(line.partition("DEMO_PORT_BASE=")[2].split()[0])
    assert is_free("127.0.0.1", offered + 1)


def test_several_ports_in_use_are_all_named() -> None:
    """
    The user learns at once about every port that is missing.
    """
    base = free_base()
    services = tuple(Service(f"s{place}", (), place) for place in range(2))
    demo = DemoSettings(folder=Path(), port_base=base)
    with (
        socket.create_server(("127.0.0.1", base)),
        socket.create_server(("127.0.0.1", base + 1)),
        pytest.raises(DemoProblem, match=rf"Ports {base} \(s0\), {base + 1} \(s1\) in use"),
    ):
        check_free(services, demo)


def test_a_port_that_is_taken_but_not_listened_on_is_in_use() -> None:
    """
    A port is free only if a service could really listen on it.
    """
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))

        assert not is_free("127.0.0.1", holder.getsockname()[1])


def test_a_second_demo_of_the_same_folder_is_refused(start_demo: StartDemo) -> None:
    """
    The line names the process that runs already, and that one is not disturbed.
    """
    first = start_demo("plain")
    first.wait_until_ready()

    second = start_demo("plain")

    assert second.exit_code() == 1
    assert f"is running already (process {first.process.pid})" in second.output
    assert first.ask()["pid"]


def test_a_killed_demo_does_not_lock_the_folder(start_demo: StartDemo) -> None:
    """
    What a killed demo left in the lock file stops nobody.
    """
    first = start_demo("plain")
    first.wait_until_ready()
    first.process.kill()
    first.exit_code()

    second = start_demo("plain")

    assert second.wait_until_ready()


def test_a_service_that_dies_early_ends_the_demo_with_its_last_lines(
    start_demo: StartDemo,
) -> None:
    """
    The exit code is 1, the reason is shown, the other services are stopped.
    """
    demo = start_demo("plain", "dies-second")

    code = demo.exit_code()

    assert code == 1
    end = demo.output.partition("standin-1 ended while starting (exit code 1)")[2]
    assert "there is no paper in the printer" in end
    pid = int(demo.output.partition("standin-0 | serving as ")[2].split()[0])
    assert not is_running(pid)


def test_a_failed_preparation_ends_the_demo_before_anything_serves(start_demo: StartDemo) -> None:
    """
    A service whose migration failed is not started.
    """
    demo = start_demo("fails-to-migrate")

    assert demo.exit_code() == 1
    assert "standin-0: migrate failed (exit code 1)" in demo.output
    assert "    the table is laid already" in demo.output
    assert "serving" not in demo.output


def test_a_service_that_is_never_ready_ends_the_demo(start_demo: StartDemo) -> None:
    """
    Waiting is bounded, and the exit code is 1.
    """
    demo = start_demo("never-ready", "ready_within_s=0.5")

    assert demo.exit_code() == 1
    assert "standin-0 was not ready within 0.5 s" in demo.output


def test_a_preparation_that_takes_for_ever_ends_the_demo(start_demo: StartDemo) -> None:
    """
    Preparing is bounded too.
    """
    demo = start_demo("plain", "prepared_within_s=0")

    assert demo.exit_code() == 1
    assert "standin-0: migrate took over 0 s" in demo.output


@pytest.mark.parametrize("port_base", ["http", "80", "65530", "-1", "8000x"])
def test_an_impossible_port_base_is_refused(port_base: str) -> None:
    """
    The line names the variable and what it may be.
    """
    with pytest.raises(DemoProblem, match="DEMO_PORT_BASE must be a number from 1024"):
        DemoSettings.from_environment({"DEMO_PORT_BASE": port_base}, Path())


def test_by_default_the_demo_lives_in_the_checkout() -> None:
    """
    Without being told otherwise: ``.data/demo`` and ports from 8000.
    """
    demo = DemoSettings.from_environment({}, Path("/checkout"))

    assert demo.folder == Path("/checkout/.data/demo")
    assert demo.port_base == 8000

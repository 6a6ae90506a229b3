"""
How a rolling restart is judged, and broken off: ``make rolling`` can fail, and leaves nothing behind.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from servicekit.testing import eventually
from tests.e2e.processes import ROOT
from tools.rolling.__main__ import main
from tools.rolling.load import Crowd, Order, Tally, discrepancies
from tools.rolling.report import is_good, lines


def shopped(*orders: Order) -> Tally:
    """
    What came of one read and these orders, none of which failed.
    """
    tally = Tally(orders=list(orders))
    tally.note("read", 0.01, None)
    for _ in orders:
        tally.note("order", 0.2, None)
    return tally


def bought(product: str = "P-1", status: str | None = "CONFIRMED") -> Order:
    """
    An order that was placed.
    """
    return Order(product=product, key="k", order_id="o", status=status)


def test_a_run_without_a_failure_is_good() -> None:
    """
    Every request was answered, every order has ended, and the shelves show it.
    """
    tally = shopped(bought(), bought(status="CANCELLED"))

    wrong = discrepancies(tally, {"P-1": (9, 0)}, {"P-1": (8, 0)})

    assert is_good(tally, wrong)
    assert "0 failed" in next(lines(tally, wrong, seconds=1))


def test_one_failure_is_enough() -> None:
    """
    A single request that failed makes the run fail, and is shown.
    """
    tally = shopped(bought())
    tally.note("read", 0.3, "503")

    assert not is_good(tally, [])
    assert any("read: 503" in line for line in lines(tally, [], seconds=1))


def test_an_order_without_an_end_is_lost() -> None:
    """
    An order that was accepted and has not ended makes the run fail.
    """
    tally = shopped(bought(), bought(status="PENDING"))

    assert len(tally.lost) == 1
    assert not is_good(tally, [])


def test_shelves_tell_what_was_sold_twice_and_what_is_held_for_nobody() -> None:
    """
    What shoppers were told and what is left must add up, for each product.
    """
    tally = shopped(bought())

    wrong = discrepancies(tally, {"P-1": (9, 0), "P-2": (5, 1)}, {"P-1": (7, 0), "P-2": (5, 2)})

    assert wrong == ["P-1: 2 sold, 1 told", "P-2: 1 reserved for nobody"]
    assert not is_good(tally, wrong)


def test_a_run_that_bought_nothing_says_nothing() -> None:
    """
    Where no order was confirmed the run is no proof, and fails.
    """
    assert not is_good(shopped(), [])


def test_the_orders_add_up() -> None:
    """
    What was placed and what was not make what was sent, and ends are counted of what was placed alone.
    """
    tally = shopped(bought(), bought(status="CANCELLED"), Order(product="P-1"))

    told = list(lines(tally, [], seconds=1))

    assert "3 orders sent, 1 of them without a key; 1 not placed" in told
    assert "2 orders placed: 1 CONFIRMED, 1 CANCELLED" in told


async def test_what_was_bought_is_given_back_when_it_is_broken_off() -> None:
    """
    A Ctrl-C ends the shopping and cancels every order that stands; some of them had no key.
    """
    placed: set[str] = set()
    cancelled: set[str] = set()
    keyless: list[httpx.Request] = []

    def shop(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET":
            return httpx.Response(200, json={})
        if path.endswith("/cancel"):
            cancelled.add(path.split("/")[-2])
            return httpx.Response(200, json={"orderId": path.split("/")[-2], "status": "CANCELLED"})
        placed.add(f"o{len(placed)}")
        if "idempotency-key" not in request.headers:
            keyless.append(request)
        return httpx.Response(201, json={"orderId": f"o{len(placed) - 1}", "status": "CONFIRMED"})

    async def shopping(client: httpx.AsyncClient) -> None:
        crowd = Crowd(client, ["P-1"], seed="broken off")
        async with crowd.borrowing(), crowd.busy():
            await asyncio.Event().wait()

    transport = httpx.MockTransport(shop)
    async with httpx.AsyncClient(base_url="http://shop", transport=transport) as client:
        task = asyncio.create_task(shopping(client))
        await eventually(lambda: len(placed) >= 10 and bool(keyless), within_s=30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert cancelled == placed
    assert len(keyless) < len(placed)


async def test_an_answer_in_another_language_is_a_failure_that_is_quoted() -> None:
    """
    What a balancer says by itself is no JSON: its status and its words are told.
    """
    transport = httpx.MockTransport(lambda _request: httpx.Response(502, text="no such host\n"))
    async with httpx.AsyncClient(base_url="http://shop", transport=transport) as client:
        crowd = Crowd(client, ["P-1"], seed="another language")
        async with crowd.busy():
            await eventually(lambda: len(crowd.tally.failures) >= 3, within_s=30)

    assert all("502 with what is no JSON: no such host (" in one for one in crowd.tally.failures)
    assert len(crowd.tally.failures) == crowd.tally.requests.total()


def test_without_docker_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    One line names what is missing, and the exit code says that nothing was tried.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    code = main(["--version", "1"])

    assert code == 2
    assert capsys.readouterr().err == "docker is not installed, or not on the PATH\n"


#: What is started in the background ignores Ctrl-C, and so would what it starts.
_AT_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tools.rolling", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_gives_one_line(tmp_path: Path) -> None:
    """
    Who breaks it off sees a line and no traceback, and the command that was running has ended.
    """
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nkill -INT $PPID\nexec sleep 60\n", encoding="utf-8")
    docker.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-c", _AT_A_TERMINAL, "--version", "1"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 130
    assert done.stderr.startswith("Broken off")
    assert done.stderr.count("\n") == 1

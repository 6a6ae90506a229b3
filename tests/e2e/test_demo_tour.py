"""
The demo with the real services: what it prints works when it is pasted into a shell.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Running, free_base
from tools.demo.services import SERVICES
from tools.smoke.__main__ import main as smoke

COMMAND = [sys.executable, "-m", "tools.demo", "run"]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    """
    The demo as ``make demo`` runs it, in a folder of its own.
    """
    base = free_base()
    variables = {"DEMO_PORT_BASE": str(base), "DEMO_DATA_DIR": str(tmp_path / "demo")}
    running = Running(COMMAND, port_base=base, variables=variables)
    yield running
    running.close()


def test_a_visitor_can_paste_what_the_demo_prints(demo: Running, tmp_path: Path) -> None:
    """
    Every service is shown, the gateway first; product, page, price, order and "who am I" succeed as
    printed; `make smoke` finds nothing wrong, as a guest or signed in; Ctrl-C ends it all.
    """
    output = demo.wait_until_ready()
    for service in SERVICES:
        assert f"http://127.0.0.1:{demo.port_base + service.port_offset}" in output

    assert output.index("  api-gateway  ") < output.index("  identity-service  ")

    product, page, price, order, who = (json.loads(pasted(line)) for line in printed_lines(output))

    assert (product["id"], product["price"], product["complete"]) == ("TEST-001", "79.00", True)
    assert len(page["items"]) == 2
    assert all(item["complete"] for item in page["items"])
    assert [discount["code"] for discount in price["discounts"]] == ["SUMMER20"]
    assert (order["status"], order["totalPrice"]) == ("CONFIRMED", price["finalPrice"])
    assert who["userName"] == "shopper"
    assert [go_shopping(demo, tmp_path, *words) for words in ((), ("--user", "shopper"))] == [0, 0]
    demo.press_ctrl_c()
    assert demo.exit_code() == 0
    assert_no_secret_is_logged(tmp_path / "demo")


def go_shopping(demo: Running, folder: Path, *words: str) -> int:
    """
    The exit code of ``make smoke`` at the demo's gateway.
    """
    secrets = json.loads((folder / "demo" / "secrets.json").read_text(encoding="utf-8"))
    password = folder / "password"
    password.write_text(secrets["password/shopper"], encoding="utf-8")
    url = f"http://127.0.0.1:{demo.port_base}"
    return smoke(["--url", url, "--password-file", str(password), *words])


def printed_lines(output: str) -> list[str]:
    """
    The lines to paste.
    """
    return re.findall(r"^ +(curl .*)$", output, flags=re.MULTILINE)


def pasted(line: str) -> str:
    """
    What a shell answers.
    """
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, timeout=30
    ).stdout


def assert_no_secret_is_logged(folder: Path) -> None:
    """
    None of the demo's secrets stands in a log file.
    """
    secrets = json.loads((folder / "secrets.json").read_text(encoding="utf-8"))
    logged = "".join(log.read_text(encoding="utf-8") for log in (folder / "logs").iterdir())
    assert logged
    assert not [name for name, secret in secrets.items() if secret in logged]

"""
``make clean-data``: forgets what the demo has stored, but not under its feet.
"""

from pathlib import Path

import pytest

from tools.demo.instance import forget, only_instance
from tools.demo.settings import DemoProblemError


def test_everything_stored_is_removed(tmp_path: Path) -> None:
    """
    Nothing of ``.data`` is left, and a second time there is nothing to complain about.
    """
    demo = tmp_path / ".data" / "demo"
    demo.mkdir(parents=True)
    (demo / "identity_service.db").touch()

    forget(tmp_path / ".data", demo)
    forget(tmp_path / ".data", demo)

    assert not (tmp_path / ".data").exists()


def test_what_other_tools_stored_is_removed_without_a_demo(tmp_path: Path) -> None:
    """
    ``.data`` goes even if no demo ever ran.
    """
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "other.db").touch()

    forget(tmp_path / ".data", tmp_path / ".data" / "demo")

    assert not (tmp_path / ".data").exists()


def test_a_running_demo_keeps_its_data(tmp_path: Path) -> None:
    """
    While a demo runs, forgetting is refused with its process named.
    """
    demo = tmp_path / ".data" / "demo"
    demo.mkdir(parents=True)

    with (
        only_instance(demo),
        pytest.raises(DemoProblemError, match=r"running already \(process \d"),
    ):
        forget(tmp_path / ".data", demo)

    assert demo.exists()

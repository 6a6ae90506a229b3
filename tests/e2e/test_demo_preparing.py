"""
When the demo prepares a service's database again, and when it leaves it alone.
"""

from pathlib import Path

import pytest

from tests.e2e.conftest import StartDemo
from tools.demo.prepared import Prepared, fingerprint


def test_a_database_is_prepared_once(start_demo: StartDemo) -> None:
    """
    The second start goes straight to serving, from whatever shell it is called.
    """
    outputs = []
    port_base = None
    for language in ("en_GB.UTF-8", "C.UTF-8"):
        demo = start_demo("keeps-database", port_base=port_base, variables={"LANG": language})
        outputs.append(demo.wait_until_ready())
        port_base = demo.port_base
        demo.press_ctrl_c()
        demo.exit_code()

    assert "migrate done" in outputs[0]
    assert "migrate done" not in outputs[1]


def test_a_lost_database_is_prepared_again(start_demo: StartDemo, demo_folder: Path) -> None:
    """
    Who removes the database file gets a new one.
    """
    first = start_demo("keeps-database")
    first.wait_until_ready()
    first.press_ctrl_c()
    first.exit_code()
    (demo_folder / "standin_0.db").unlink()

    second = start_demo("keeps-database", port_base=first.port_base)

    assert "migrate done" in second.wait_until_ready()


def test_a_failed_preparation_is_tried_again(start_demo: StartDemo, demo_folder: Path) -> None:
    """
    Only a preparation that ended well is remembered, even if one did before it.
    """
    first = start_demo("keeps-database")
    first.wait_until_ready()
    first.press_ctrl_c()
    first.exit_code()
    failing = start_demo("fails-to-migrate", port_base=first.port_base)
    failing.exit_code()
    assert (demo_folder / "standin_0.db").exists()

    third = start_demo("keeps-database", port_base=first.port_base)

    assert "migrate done" in third.wait_until_ready()


def test_a_fingerprint_changes_with_code_settings_and_database(tmp_path: Path) -> None:
    """
    New code, another setting or another file means that a service is prepared again.
    """
    source = tmp_path / "src"
    source.mkdir()
    (source / "a.py").write_text("1", encoding="utf-8")
    database = tmp_path / "a.db"
    database.touch()
    seen = {fingerprint((source,), {"A": "1"}, database)}

    seen.add(fingerprint((source,), {"A": "2"}, database))
    (source / "a.py").write_text("2", encoding="utf-8")
    seen.add(fingerprint((source,), {"A": "1"}, database))
    (source / "b.py").touch()
    seen.add(fingerprint((source,), {"A": "1"}, database))
    other = tmp_path / "other.db"
    other.touch()
    seen.add(fingerprint((source,), {"A": "1"}, other))

    assert len(seen) == 5
    assert None not in seen
    database.write_text("what a user has stored")
    assert fingerprint((source,), {"A": "1"}, database) in seen


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_memory_only_costs_time(tmp_path: Path, content: str) -> None:
    """
    When what was remembered cannot be read, everything is prepared again.
    """
    file = tmp_path / "prepared.json"
    file.write_text(content, encoding="utf-8")
    prepared = Prepared(file)

    assert not prepared.has("a", "1")
    prepared.remember("a", "1")
    assert prepared.has("a", "1")
    assert not prepared.has("b", None)

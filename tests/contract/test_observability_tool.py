"""
``python -m tools.observability check``: what it says of tools that find something, nothing, or are not there.
"""

from pathlib import Path

import pytest

from tools.observability import checking
from tools.observability.__main__ import main

TOOLS = ("promtool", "otelcol-contrib")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The only folder in which programs are looked for.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, *, ending: str) -> None:
    """
    Put programs of the tools' names there; they tell what they are asked, and end like that.
    """
    for name in TOOLS:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $1"\n{ending}\n', encoding="utf-8")
        program.chmod(0o755)


def test_tools_that_find_nothing_are_named_as_good(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 0, and a line for all that was looked at.
    """
    install(installed, ending="exit 0")

    code = main(["check", "--all"])

    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    assert [line.split(":")[0] for line in told.out.splitlines()] == ["good"] * 4


def test_what_a_tool_finds_is_told(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Exit code 1, with the tool's own words below what it looked at.
    """
    install(installed, ending="exit 3")

    code = main(["check"])

    told = capsys.readouterr().err
    assert code == 1
    assert "the alarms' tests:\npromtool test" in told
    assert "the collector's configuration:\notelcol-contrib validate" in told


def test_a_tool_that_fails_without_a_word_is_told(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Whoever ends badly has found something, whatever it says of it.
    """
    install(installed, ending="exit 0")
    (installed / "promtool").write_text("#!/bin/sh\nexit 1\n")

    code = main(["check"])

    assert code == 1
    assert "promtool ended with 1" in capsys.readouterr().err


def test_a_tool_that_does_not_end_is_told(installed: Path) -> None:
    """
    It is given up after a while and named, and the others are asked all the same.
    """
    install(installed, ending="exec /bin/sleep 60")

    found = checking.findings(must_have_all=True, patience_s=0.1)

    assert [line.split("\n")[1] for line in found] == [
        f"{name} was given up after 0.1 s" for name in (*["promtool"] * 3, "otelcol-contrib")
    ]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("arguments", "code"), [(["check"], 0), (["check", "--all"], 1)])
def test_a_tool_that_is_missing_is_named(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Nothing is called good that was not looked at; where all must be there, that is a finding.
    """
    assert main(arguments) == code

    told = capsys.readouterr().out
    assert "good" not in told
    assert told.count("not looked at") == 4
    assert "prom/prometheus" in told

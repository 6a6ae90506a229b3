"""
The contract that holds a package's folders to its table of modules.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tools.import_contracts import House, Import

FILES = frozenset(
    {"main", "settings", "shared", "a", "a.routes", "a.models", "b", "b.service", "b.secret"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """
    A row of a table.
    """

    name: str
    provides: Collection[str]
    dependencies: Collection[str] = ()


HOUSE = House(
    (Line("a", ("routes",), ("b",)), Line("b", ("service",))),
    composition=("main",),
    frame=("settings",),
    shared=("shared",),
)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("main", "a.routes"),
        ("main", "b.service"),
        ("main", "settings"),
        ("a.routes", "a.models"),
        ("a.models", "b.service"),
        ("b.service", "b.secret"),
        ("b.service", "shared"),
        ("settings", "shared"),
    ],
)
def test_what_the_table_allows_is_no_breach(importer: str, imported: str) -> None:
    """
    The root imports what is provided, a module its own files and what it depends on provides.
    """
    assert HOUSE.breaches(FILES, [Import(importer, imported)]) == []


@pytest.mark.parametrize(
    ("importer", "imported", "reason"),
    [
        ("main", "a.models", "a does not provide it"),
        ("main", "a", "a does not provide it"),
        ("a.routes", "b.secret", "b does not provide it"),
        ("a.routes", "b", "b does not provide it"),
        ("b.service", "a.routes", "b does not depend on a"),
        ("settings", "a.routes", "only the composition root may"),
        ("a.routes", "settings", "only the composition root may"),
        ("a.routes", "main", "only the composition root may"),
        ("settings", "main", "only the composition root may"),
        ("shared", "a.routes", "only the composition root may"),
    ],
)
def test_what_it_does_not_allow_is_named(importer: str, imported: str, reason: str) -> None:
    """
    A breach says who imports what, and which rule it breaks.
    """
    breaches = HOUSE.breaches(FILES, [Import(importer, imported)])

    assert breaches == [f"{importer} imports {imported}: {reason}"]


def test_folders_and_rows_are_the_same() -> None:
    """
    A folder without a row, a row without a folder, and a promised file that is not there.
    """
    files = FILES - {"a.routes", "b", "b.service", "b.secret"} | {"c", "c.models"}

    assert HOUSE.breaches(files, []) == [
        "c has no row in the table, and is no part of the frame",
        "a provides routes, which is not there",
        "b has a row, and no folder",
    ]


def lint(folder: Path) -> str:
    """
    What import-linter says of the gateway in this folder.
    """
    config = f"""\
[tool.importlinter]
root_package = "gateway"
contract_types = ["module_table: tools.import_contracts.ModuleTableContract"]

{_our_contract()}"""
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--no-logo",
            "--no-cache",
            *("--config", folder / "pyproject.toml"),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == int("BROKEN" in done.stdout), done.stdout + done.stderr
    return done.stdout


def _our_contract() -> str:
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\n\n")
    (ours,) = (one for one in contracts if 'type = "module_table"' in one)
    return f"{ours}\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """
    A folder with a copy of the gateway, to be broken.
    """
    source = ROOT / "api-gateway" / "src" / "gateway"
    shutil.copytree(source, tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_gateway_keeps_to_its_table(copy: Path) -> None:
    """
    Its folders are those of the table, and import what it allows.
    """
    assert "Contracts: 1 kept, 0 broken." in lint(copy)


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        (
            "accounts/service.py",
            "from gateway.catalog.service import Catalog",
            "accounts.service imports catalog.service: accounts does not depend on catalog",
        ),
        (
            "upstreams/identity.py",
            "import gateway.accounts.routes",
            "upstreams.identity imports accounts.routes: upstreams does not depend on accounts",
        ),
        (
            "main.py",
            "from gateway.accounts import schemas",
            "main imports accounts.schemas: accounts does not provide it",
        ),
        (
            "catalog/service.py",
            "from gateway.settings import Settings",
            "catalog.service imports settings: only the composition root may",
        ),
        ("parlour/__init__.py", '""" """', "parlour has no row in the table"),
    ],
)
def test_a_breach_in_the_gateway_is_found(copy: Path, file: str, line: str, breach: str) -> None:
    """
    One import, or one folder, that the table does not know turns ``make lint`` red and is named.
    """
    broken = copy / "gateway" / file
    broken.parent.mkdir(exist_ok=True)
    with broken.open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")

    assert breach in lint(copy)

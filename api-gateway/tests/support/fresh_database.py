"""
Databases of the gateway, migrated once in a run and copied for whoever needs one.
"""

import itertools
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

from servicekit import durable, migrations

_NUMBERS: Final = itertools.count()


def fresh_database() -> str:
    """
    The address of a new SQLite database, with the journal of sagas beside it.
    """
    template = _template()
    name = f"gateway{next(_NUMBERS)}"
    for file in _files_of(template, "template"):
        shutil.copy(file, template / file.name.replace("template", name, 1))
    return f"sqlite:///{template / name}.db"


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    # Goes away with the process.
    return tempfile.TemporaryDirectory(prefix="gateway-databases-")


@cache
def _template() -> Path:
    folder = Path(_folder().name)
    with ThreadPoolExecutor(1) as thread:  # tests have an event loop of their own in theirs
        thread.submit(_migrate, f"sqlite:///{folder}/template.db").result()
    return folder


def _migrate(url: str) -> None:
    migrations.migrate(url, "gateway")
    durable.migrate(url)


def _files_of(folder: Path, stem: str) -> list[Path]:
    return [one for one in folder.iterdir() if one.name.startswith((f"{stem}.", f"{stem}_"))]

"""
Errors of a service three times: as its code has them, and as two documents tell them.

Each is told by its name, with its status and its code as they stand in an answer.
"""

import inspect
import re
from pathlib import Path
from types import ModuleType

from servicekit.errors import StorefrontError

#: By an error's name its status and its code.
ErrorTable = dict[str, tuple[str, str]]


def errors_made(*homes: ModuleType) -> ErrorTable:
    """
    The errors that these modules define.
    """
    return {
        name: (str(kind.status), kind.code)
        for home in homes
        for name, kind in inspect.getmembers(home, inspect.isclass)
        if issubclass(kind, StorefrontError) and kind.__module__ == home.__name__
    }


def errors_drawn(*homes: ModuleType) -> ErrorTable:
    """
    The errors in the trees that these modules' docstrings draw.
    """
    trees = "".join(home.__doc__ or "" for home in homes)
    return _table(re.findall(r"── (\w+) +(\d{3}) +([A-Z_]+)", trees))


def errors_told(readme: Path) -> ErrorTable:
    """
    The errors in a README's table.
    """
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| `([A-Z_]+)` \|", readme.read_text(), re.MULTILINE)
    return _table(rows)


def _table(rows: list[tuple[str, str, str]]) -> ErrorTable:
    return {name: (status, code) for name, status, code in rows}

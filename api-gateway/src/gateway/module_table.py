"""
The gateway's modules: what each provides, and which others it may call.

A folder is a module. Others import only the files that it provides, and only if they
depend on it; the composition root imports what any of them provides. The import contracts
(tools/import_contracts.py, checked by ``make lint``) hold the folders to this table, and
``create_app`` refuses a table that no folders can keep to. To add a module, add a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final


@dataclass(frozen=True, slots=True)
class Module:
    """
    A folder; ``provides`` names its files that others may import, ``dependencies`` their modules.
    """

    name: str
    provides: tuple[str, ...]
    dependencies: tuple[str, ...] = ()


MODULES: Final = (
    Module("upstreams", provides=("identity", "inventory", "models", "pricing", "quotes", "stock")),
    Module("catalog", provides=("metrics", "routes", "service"), dependencies=("upstreams",)),
    Module("accounts", provides=("routes", "service"), dependencies=("upstreams",)),
    Module(
        "checkout",
        provides=("routes", "sales", "sales_models", "service", "wiring"),
        dependencies=("upstreams",),
    ),
    Module("reports", provides=("routes", "service"), dependencies=("checkout", "upstreams")),
)


class BrokenModuleTable(Exception):
    """
    The table cannot be kept by any folders: it names what is not there, or goes in a circle.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(f"module_table: {'; '.join(faults)}")


def check(modules: Iterable[Module]) -> None:
    """
    Raise BrokenModuleTable, which names every fault, unless the table can be kept.
    """
    if faults := faults_of(tuple(modules)):
        raise BrokenModuleTable(faults)


def faults_of(modules: Sequence[Module]) -> list[str]:
    """
    What is wrong with a table, a sentence each; empty where nothing is.
    """
    names = [module.name for module in modules]
    twice = sorted({name for name in names if names.count(name) > 1})
    unknown = [
        f"{module.name} depends on {other}, which is no module"
        for module in modules
        for other in module.dependencies
        if other not in names
    ]
    circle = _circle({module.name: module.dependencies for module in modules})
    return [
        *(f"{name} stands there twice" for name in twice),
        *unknown,
        *([f"{' -> '.join(circle)} is a circle"] if circle else []),
    ]


def _circle(dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        # The sorter names what depends after what it depends on.
        return circle[::-1]
    return []

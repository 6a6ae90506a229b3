"""
A kind of contract for import-linter: the folders of a package keep to its table of modules.

::

    [tool.importlinter]
    contract_types = ["module_table: tools.import_contracts.ModuleTableContract"]

    [[tool.importlinter.contracts]]
    type = "module_table"
    package = "gateway"                        # has the table: gateway.module_table
    composition = ["main", "__main__"]         # may import what any module provides
    frame = ["settings", "module_table"]       # belong to no module, and import none
    shared = ["tables"]                        # the same, and every module may import them

A module is imported by those whose row names it, and only by the files that it provides.
What stands outside of all modules is named here: nothing is without a rule.
"""

import importlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Row(Protocol):
    """
    A row of a table of modules.
    """

    @property
    def name(self) -> str: ...
    @property
    def provides(self) -> Collection[str]: ...
    @property
    def dependencies(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Import:
    """
    That one file imports another; both are named below their package, as ``catalog.routes``.
    """

    importer: str
    imported: str


@dataclass(frozen=True, slots=True)
class House:
    """
    A package as its table says it should be.
    """

    rows: Sequence[Row]
    composition: Collection[str]
    frame: Collection[str]
    shared: Collection[str] = ()

    def breaches(self, files: Collection[str], imports: Iterable[Import]) -> list[str]:
        """
        What ``files`` and their ``imports`` do that the table does not allow, a sentence each.
        """
        return [*self._misplaced(files), *self._stray(imports)]

    def _misplaced(self, files: Collection[str]) -> Iterator[str]:
        places = {file.partition(".")[0] for file in files}
        known = {row.name for row in self.rows}
        for place in sorted(places - known - {*self.composition, *self.frame, *self.shared}):
            yield f"{place} has no row in the table, and is no part of the frame"
        for row in self.rows:
            missing = [file for file in row.provides if f"{row.name}.{file}" not in files]
            if row.name not in places:
                yield f"{row.name} has a row, and no folder"
            elif missing:
                yield f"{row.name} provides {', '.join(missing)}, which is not there"

    def _stray(self, imports: Iterable[Import]) -> Iterator[str]:
        for one in sorted(imports, key=lambda one: (one.importer, one.imported)):
            reason = self._objection(one)
            if reason is not None:
                yield f"{one.importer} imports {one.imported}: {reason}"

    def _objection(self, one: Import) -> str | None:
        source = one.importer.partition(".")[0]
        target, _, file = one.imported.partition(".")
        rows = {row.name: row for row in self.rows}
        if source == target or target in self.shared:
            return None
        if source not in self.composition:
            if target not in rows or source not in rows:
                return "only the composition root may"
            if target not in rows[source].dependencies:
                return f"{source} does not depend on {target}"
        if target in rows and file not in rows[target].provides:
            return f"{target} does not provide it"
        return None


class ModuleTableContract(Contract):
    """
    Kept where every file of the package keeps to the table.
    """

    type_name = "module_table"

    # Import-linter puts the value in the place of the field.
    package: str = fields.StringField()  # type: ignore[assignment]  # as said above
    composition: list[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment]  # as said above
    frame: list[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment]  # as said above
    shared: list[str] = fields.ListField(subfield=fields.StringField(), required=False, default=[])  # type: ignore[assignment]  # as said above

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - import-linter's signature
        """
        Hold the graph against the table, which is read from the package.
        """
        package = self.package
        rows = importlib.import_module(f"{package}.module_table").MODULES
        house = House(rows, composition=self.composition, frame=self.frame, shared=self.shared)
        files = {name for name in (_below(package, each) for each in graph.modules) if name}
        breaches = house.breaches(files, _imports(graph, package))
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """
        Say what is wrong, a line each.
        """
        for breach in check.metadata["breaches"]:
            output.print_error(f"- {breach}")


def _below(package: str, name: str) -> str:
    """
    A module's name below the package; empty for the package itself and for others.
    """
    prefix = f"{package}."
    return name.removeprefix(prefix) if name.startswith(prefix) else ""


def _imports(graph: ImportGraph, package: str) -> Iterator[Import]:
    for importer in graph.modules:
        source = _below(package, importer)
        if not source:
            continue
        for imported in graph.find_modules_directly_imported_by(importer):
            if target := _below(package, imported):
                yield Import(source, target)

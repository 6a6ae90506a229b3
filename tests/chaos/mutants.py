"""
The shop without one of its safeguards: a harness that does not go red then proves nothing.

A copy of the sources is changed in one place. Where that place does not read as it is written here
any more, the mutant has to be written anew.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.processes import ROOT


class MutantOutdated(Exception):
    """
    The sources do not read as the mutant expects.
    """


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    What is missing, and how: in ``file``, each first text becomes the second.
    """

    what: str
    file: str
    changes: tuple[tuple[str, str], ...]


_RESERVE: Final = """        wanted = [{"productId": item.product_id, "quantity": item.quantity} for item in items]
        body = {"orderId": order_id, "items": wanted}
"""
_LATE: Final = "        if is_late:\n            return Entry("

MUTANTS: Final = {
    "barrier": Mutant(
        "a release leaves no tombstone, so that a late reserve finds nothing in its way",
        "inventory-service/src/inventory/stock/service.py",
        (("if is_release and not order.is_released:", "if order.id == '':"),),
    ),
    "key": Mutant(
        "each attempt but the first reserves for an order id of its own",
        "api-gateway/src/gateway/upstreams/stock.py",
        (
            (
                _RESERVE,
                "        order_id = _another_id(order_id)\n" + _RESERVE,
            ),
            (
                "_LINES: Final = json.Decoder(_Lines)",
                """_LINES: Final = json.Decoder(_Lines)
_IDS: dict[str, str] = {}


def _another_id(order_id: str) -> str:
    import secrets

    is_first = order_id not in _IDS
    _IDS[order_id] = order_id if is_first else secrets.token_hex(16)
    return _IDS[order_id]
""",
            ),
            (
                "        return await self._client.post(",
                "        order_id = _IDS.get(order_id, order_id)\n        return await self._client.post(",
            ),
        ),
    ),
    "undo": Mutant(
        "an undo that fails counts as done",
        "service-kit/src/servicekit/sagas/efforts.py",
        (
            (
                _LATE,
                '        if self.is_undo:\n            return Entry(self.step, "undone", now, attempts, {})\n'
                + _LATE,
            ),
        ),
    ),
}


def mutated_sources(mutant: Mutant, folder: Path) -> Path:
    """
    A copy of all services' sources in ``folder``, with the mutant's change; raises MutantOutdated.
    """
    copy = folder / "sources"
    for source in ROOT.glob("*/src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, copy / source.relative_to(ROOT), ignore=ignored)
    (copy / mutant.file).write_text(mutated_text(mutant), encoding="utf-8")
    return copy


def mutated_text(mutant: Mutant) -> str:
    """
    The mutant's file with its change; raises MutantOutdated.
    """
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    for old, new in mutant.changes:
        if text.count(old) != 1:
            raise MutantOutdated(f"{mutant.file} has {text.count(old)} times: {old}")
        text = text.replace(old, new)
    return text

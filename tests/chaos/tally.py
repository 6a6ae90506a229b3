"""
What a run has done and found, in numbers and in lines.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.books import Discrepancy
from tests.chaos.kill_points import GENTLE
from tests.chaos.shopping import Told
from tests.chaos.statement import Statement


@dataclass(slots=True)
class Tally:
    """
    The sum of all rounds. ``kills`` are by victim and boundary, ``faults`` by name.
    """

    began: float = field(default_factory=time.monotonic)
    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    shoppers: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    ended_alone: int = 0
    found: list[Discrepancy] = field(default_factory=list)

    def heard(self, told: Sequence[Told]) -> None:
        """
        What became of these shoppers.
        """
        for one in told:
            self.shoppers["wishes"] += 1
            self.shoppers["answers that were replays"] += sum(a.is_replay for a in one.placed)
            self.shoppers["requests without an answer"] += one.failures
            self.shoppers["left without an answer"] += not one.placed
            self.shoppers["copies sent at once"] += one.wish.copies - 1

    def read(self, statement: Statement, told: Sequence[Told]) -> None:
        """
        What stands in the books of a world at its end, and who knows of it.
        """
        self.orders.update(order.status for order in statement.orders.values())
        known = {order_id for one in told if one.was_told_an_end for order_id in one.order_ids}
        self.ended_alone += len(statement.orders.keys() - known)

    def lines(self) -> list[str]:
        """
        The summary.
        """
        seconds = time.monotonic() - self.began
        return [
            *(self._of_rounds() if self.rounds else ()),
            f"orders: {self.orders.total()}: {_told(self.orders)}",
            f"of these, nobody came back to learn of {self.ended_alone}",
            f"shoppers: {_told(self.shoppers)}",
            f"faults: {_told(self.faults)}",
            f"took {seconds / 60:.1f} min; discrepancies: {len(self.found)}",
            *(f"    {one}" for one in self.found[:50]),
        ]

    def _of_rounds(self) -> list[str]:
        gentle = Counter({point: n for point, n in self.kills.items() if point.endswith(GENTLE)})
        return [
            f"{self.rounds} rounds",
            f"kill -9: {(self.kills - gentle).total()}: {_told(_by_victim(self.kills - gentle))}",
            f"SIGTERM: {gentle.total()}: {_told(_by_victim(gentle))}",
            *(f"    {count:3} {point}" for point, count in sorted(self.kills.items())),
            f"works that went on after a crash: {self.recovered}",
        ]


def _by_victim(kills: Counter[str]) -> Counter[str]:
    return Counter(point.split(" at ")[0] for point in kills.elements())


def say(line: str) -> None:
    """
    Print a line, at once.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"

"""
Who is killed when: at each boundary of each step in turn, and at moments that nobody chose.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, product
from typing import Final, Literal

from tests.chaos.construction import GATEWAY, INVENTORY, PRICING
from tests.chaos.fault_proxy import OPERATIONS, Moment, Passage

Kind = Literal["boundary", "random"]
KINDS: Final[tuple[Kind, ...]] = ("boundary", "random")
VICTIMS: Final = (GATEWAY, INVENTORY, PRICING)
#: What shoppers tell beside the proxies: that one has been told that her order was accepted (202).
ACCEPT: Final = "accept"
#: How many passages a round lets go by before it kills: most of the time none.
_SKIPPED: Final = (0, 0, 1, 2)
_AT_RANDOM_WITHIN_S: Final = 0.6
#: How ends are named that are asked for in the ordinary way; and their share of those at random.
GENTLE: Final = " (SIGTERM)"
_GENTLY: Final = 0.25
#: An answer is read and recorded in a few ms: the kill comes before, between or after.
_RECORDED_WITHIN_S: Final = 0.015


@dataclass(frozen=True, slots=True)
class KillPoint:
    """
    ``victim`` is killed ``after_s`` once a call of ``operation`` is at ``moment``, after ``skipped``
    others; without an operation, so long after the shoppers have set out. ``is_gentle``: it is told to
    stop (SIGTERM) and may finish what it is at.
    """

    victim: str
    operation: str = ""
    moment: Moment = Moment.ASKED
    skipped: int = 0
    after_s: float = 0.0
    is_gentle: bool = False

    def __str__(self) -> str:
        """
        The victim and the boundary.
        """
        where = f"{self.operation} {self.moment}" if self.operation else "random"
        return f"{self.victim} at {where}{GENTLE if self.is_gentle else ''}"


#: Every boundary, with every victim.
BOUNDARIES: Final = (
    *(
        KillPoint(victim, operation, moment)
        for operation, moment, victim in product(OPERATIONS.values(), Moment, VICTIMS)
    ),
    *[KillPoint(GATEWAY, ACCEPT, Moment.DELIVERED)] * 3,
)


class KillPoints:
    """
    Kill points without end: boundaries in a random order, each once before any comes again; every
    third is at random where both are wanted, and kills one of ``at_random``.
    """

    def __init__(
        self, kinds: Collection[Kind], *, seed: str, at_random: Sequence[str] = VICTIMS
    ) -> None:
        self._random = random.Random(seed)
        self._at_random_victims = at_random
        boundaries = list(BOUNDARIES)
        self._random.shuffle(boundaries)
        self._boundaries = cycle(boundaries)
        order: tuple[Kind, ...] = ("boundary", "boundary", "random")
        self._kinds: Iterator[Kind] = cycle([kind for kind in order if kind in kinds])

    def next(self) -> KillPoint:
        """
        The next one.
        """
        return self.boundary() if next(self._kinds) == "boundary" else self._at_random()

    def boundary(self) -> KillPoint:
        """
        The next boundary.
        """
        point = next(self._boundaries)
        is_late = point.moment is Moment.DELIVERED
        after_s = self._random.uniform(0, _RECORDED_WITHIN_S) if is_late else 0.0
        return replace(point, skipped=self._random.choice(_SKIPPED), after_s=after_s)

    def _at_random(self) -> KillPoint:
        after_s = self._random.uniform(0, _AT_RANDOM_WITHIN_S)
        victim = self._random.choice(self._at_random_victims)
        is_gentle = victim in VICTIMS and self._random.random() < _GENTLY
        return KillPoint(victim, after_s=after_s, is_gentle=is_gentle)


class Trap:
    """
    Springs once, at its point.
    """

    def __init__(self, point: KillPoint, kill: Callable[[KillPoint], None]) -> None:
        self.point = point
        self.has_sprung = False
        self._kill = kill
        self._left = point.skipped

    async def began(self) -> None:
        """
        The shoppers have set out.
        """
        if not self.point.operation:
            await asyncio.sleep(self.point.after_s)
            self.spring()

    async def passed(self, passage: Passage) -> None:
        """
        A call is somewhere.
        """
        if (passage.operation, passage.moment) != (self.point.operation, self.point.moment):
            return
        self._left -= 1
        if self._left == -1:
            if self.point.after_s:
                await asyncio.sleep(self.point.after_s)
            self.spring()

    def disarm(self) -> None:
        """
        Kill nobody any more.
        """
        self.has_sprung = True

    def spring(self) -> None:
        """
        Kill, if it has not been done.
        """
        if not self.has_sprung:
            self.has_sprung = True
            self._kill(self.point)

"""
The journey again and again, and what could not be done for how long meanwhile.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tools.smoke.journey import STATIONS, Station, Trip, close
from tools.smoke.shop import Shop, Wrong

_REASONS_SHOWN: Final = 3


@dataclass(slots=True)
class Record:
    """
    How one station went. A spell lasts from the first visit that was wrong to the next that was right.
    """

    visits: int = 0
    wrong: int = 0
    longest_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    _wrong_since: float | None = None

    def was_right(self, began_at: float) -> None:
        """
        The visit that began then was as it should be.
        """
        self.visits += 1
        self._lengthen(began_at)
        self._wrong_since = None

    def was_wrong(self, began_at: float, ended_at: float, reason: str) -> None:
        """
        The visit was not.
        """
        self.visits += 1
        self.wrong += 1
        self.reasons[reason] += 1
        self._wrong_since = began_at if self._wrong_since is None else self._wrong_since
        self._lengthen(ended_at)

    def _lengthen(self, until: float) -> None:
        if self._wrong_since is not None:
            self.longest_s = max(self.longest_s, until - self._wrong_since)


class Loop:
    """
    Goes shopping until the time is over. Where a station is wrong the rest is visited all the same,
    as far as it can be.

    ``wait`` waits for so many seconds and returns whether to stop at once.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        pause_s: float,
        wait: Callable[[float], bool],
        now: Callable[[], float] = time.monotonic,
        stations: Sequence[Station] = STATIONS,
        product: Trip | None = None,
    ) -> None:
        self.records = {station.name: Record() for station in stations}
        self._shop = shop
        self._stations = stations
        self._trip = Trip() if product is None else replace(product)
        self._pause_s = pause_s
        self._now = now
        self._wait = wait
        #: Those whose orders may be on their way, or were not cancelled.
        self._unended: list[Trip] = []

    def run(self, seconds: float) -> Iterator[str]:
        """
        Yields a line whenever something begins or ceases to be wrong.
        """
        began_at = self._now()
        was_wrong = dict[str, str]()
        while (elapsed := self._now() - began_at) < seconds:
            is_wrong = self._travel(self._trip)
            for name in {**was_wrong, **is_wrong}:
                if is_wrong.get(name) != was_wrong.get(name):
                    yield f"{elapsed:6.1f} s  {name}: {is_wrong.get(name, 'right again')}"
            was_wrong = is_wrong
            if self._wait(self._pause_s):
                return

    def settle(self, within_s: float) -> list[str]:
        """
        The keys of orders that have no end after so long.
        """
        until = self._now() + within_s
        while True:
            self._unended = [trip for trip in self._unended if not self._is_over(trip)]
            if not self._unended or self._now() >= until or self._wait(self._pause_s):
                return [trip.key for trip in self._unended]

    def _travel(self, trip: Trip) -> dict[str, str]:
        trip.start()
        self._shop.asked.clear()
        is_wrong = {}
        for station in self._stations:
            if station.can_be_visited(trip):
                reason = self._visit(station, trip)
                if reason is not None:
                    is_wrong[station.name] = reason
        if trip.is_open:
            self._unended.append(replace(trip))
        return is_wrong

    def _visit(self, station: Station, trip: Trip) -> str | None:
        record, began_at = self.records[station.name], self._now()
        try:
            station.visit(self._shop, trip)
        except Wrong as wrong:
            record.was_wrong(began_at, self._now(), str(wrong))
            return str(wrong)
        record.was_right(began_at)
        return None

    def _is_over(self, trip: Trip) -> bool:
        try:
            close(self._shop, trip)
        except Wrong:
            return False
        return True


def table(records: Mapping[str, Record]) -> Iterator[str]:
    """
    Lines: each station, how often it was visited, how often in vain, and for how long at a stretch.
    """
    width = max(map(len, records))
    yield f"{'':<{width}}  visits  wrong  longest  what came instead"
    for name, record in records.items():
        lasted = f"{record.longest_s:.1f} s" if record.wrong else ""
        reasons = record.reasons.most_common(_REASONS_SHOWN)
        told = "; ".join(f"{count} x {reason}" for reason, count in reasons)
        further = len(record.reasons) - len(reasons)
        more = f"; and {further} more" if further else ""
        row = f"{name:<{width}}  {record.visits:>6}  {record.wrong:>5}  {lasted:>7}  {told}{more}"
        yield row.rstrip()

"""
What was read last, for when it cannot be read.

In the good case nothing is answered from here. What is kept was read fresh, is bounded in number
(what was read longest ago goes first) and in age, and says how old it is. Age counts from before
the call that read it, so nothing is younger here than it is.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from gateway.catalog.models import Recalled

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LastKnown(Generic[K, V]):
    """
    At most ``max_entries`` values, each told for less than ``max_age_s`` seconds. A step takes as long
    as what it is given is.
    """

    def __init__(
        self, max_entries: int, max_age_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_entries = max_entries
        self._max_age_s = max_age_s
        self._now = now
        #: In the order in which they were read.
        self._entries: dict[K, tuple[float, V]] = {}
        #: When it was read that there is none, so that an older reading which comes late is no news.
        self._gone: dict[K, float] = {}
        #: The latest of such moments that there was no room for: nothing older is news of any key.
        self._gone_before = float("-inf")

    def __len__(self) -> int:
        """
        How many are kept, the outdated among them.
        """
        return len(self._entries)

    def remember(self, values: Mapping[K, V | Exception], *, read_at: float) -> None:
        """
        Keep what was asked for at ``read_at``; errors are no values, and an older reading no news.
        """
        entries = self._entries
        for key, value in values.items():
            if isinstance(value, Exception):
                continue
            before = entries.pop(key, None)
            is_news = read_at >= self._gone.get(key, self._gone_before)
            if is_news and (before is None or before[0] <= read_at):
                entries[key] = (read_at, value)
            elif before is not None:
                entries[key] = before
        while len(entries) > self._max_entries:
            del entries[next(iter(entries))]

    def forget(self, key: K, *, read_at: float) -> None:
        """
        It was asked for at ``read_at``, and there was no such thing: nothing older is told again.
        """
        entry = self._entries.get(key)
        if entry is not None and entry[0] <= read_at:
            del self._entries[key]
        gone = self._gone
        # A key without a trace may have had one that there was no room for.
        gone[key] = max(read_at, gone.pop(key, self._gone_before))
        if len(gone) > self._max_entries:
            self._gone_before = max(self._gone_before, gone.pop(next(iter(gone))))

    def recall(self, key: K) -> Recalled[V] | None:
        """
        What was read last, unless that is too long ago.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        age_s = max(0.0, self._now() - entry[0])
        if age_s >= self._max_age_s:
            del self._entries[key]
            return None
        return Recalled(entry[1], age_s)

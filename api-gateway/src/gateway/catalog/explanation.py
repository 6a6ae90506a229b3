"""
How an answer came about: for operators who ask, and at no cost for everybody else.

::

    explain
    └── parts                   inventory, pricing
        ├── source              for how many products it is fresh, lastKnown or none
        ├── notSent             lookups that no call went out for: no time left, or too many waiting
        └── calls               each with its batch (keys, and the lookups that shared it), attempts,
                                outcome, the breaker's state, and its time: deadlineMs, usedMs

Each of an answer's lookups knows the call that carried it, and each call what became of it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pydantic import JsonValue

from gateway.catalog.models import Lack, Part
from servicekit.auth import Requirement, current_principal
from servicekit.auth.access import KINDS
from servicekit.batching.lookups import Entry, SharedCall
from servicekit.errors import MalformedRequest, StorefrontError
from servicekit.http import CallEnded

HEADER: Final = "X-Explain"

_MAY_ASK: Final = Requirement(scopes=("admin",), kinds=KINDS, permission=None)

Told = dict[str, JsonValue]
AnyEntry = Entry[Any, Any]


class Explanation:
    """
    The lookups of one answer, part by part.
    """

    def __init__(self) -> None:
        self._noted: dict[Part, list[AnyEntry]] = {}

    def note(self, part: Part, entries: Sequence[AnyEntry]) -> None:
        """
        Keep the lookups that were made for ``part``, once they have been waited for.
        """
        self._noted.setdefault(part, []).extend(entries)

    def told(self, lacks: Sequence[Sequence[Lack]] = ()) -> Told:
        """
        The tree, of an answer whose products lack this, each.
        """
        parts: list[JsonValue] = [
            {
                "part": part,
                "source": _sources(part, lacks),
                "notSent": sum(entry.call is None for entry in entries),
                "calls": [told for call in _calls(entries) for told in _call(call, entries)],
            }
            for part, entries in self._noted.items()
        ]
        return {"parts": parts}


def explanation_asked(header: str | None) -> Explanation | None:
    """
    What to note for a request with this header; refuses who may not ask and what is not known.
    """
    if header is None:
        return None
    if header != "1":
        raise MalformedRequest(f"{HEADER} can be 1, or be left out.")
    _MAY_ASK.check(current_principal())
    return Explanation()


@contextmanager
def explaining_errors(explanation: Explanation | None) -> Iterator[None]:
    """
    An answer that could not be given inside is explained among its error's details.
    """
    try:
        yield
    except StorefrontError as error:
        if explanation is not None:
            error.details["explain"] = explanation.told()
        raise


def _sources(part: Part, lacks: Sequence[Sequence[Lack]]) -> Told:
    counts = Counter(_source(part, of_one) for of_one in lacks)
    return {source: counts[source] for source in ("fresh", "lastKnown", "none")}


def _source(part: Part, lacks: Sequence[Lack]) -> str:
    for lack in lacks:
        if lack.part == part:
            return "lastKnown" if lack.is_stale else "none"
    return "fresh"


def _calls(entries: Sequence[AnyEntry]) -> list[SharedCall[Any, Any]]:
    """
    Each call once, in the order of the lookups.
    """
    calls = {id(entry.call): entry.call for entry in entries if entry.call is not None}
    return list(calls.values())


def _call(call: SharedCall[Any, Any], entries: Sequence[AnyEntry]) -> Iterator[Told]:
    batch: Told = {"keys": call.n_keys, "lookups": call.n_lookups}
    ended = [one for noted in call.notes if isinstance(noted, list) for one in noted]
    for one in ended:
        if isinstance(one, CallEnded):
            yield {**batch, "inProgress": False, **_end(one)}
    if not ended and any(entry.call is call and not entry.is_settled for entry in entries):
        # This caller's time was over before the call was.
        yield {**batch, "inProgress": True, **_NO_END}


def _end(ended: CallEnded) -> Told:
    return {
        "upstream": ended.upstream,
        "outcome": ended.outcome.value,
        "status": ended.status,
        "attempts": ended.attempts,
        "breaker": ended.breaker.value,
        "deadlineMs": round(ended.given_s * 1000, 1),
        "usedMs": round(ended.duration_s * 1000, 1),
    }


_NO_END: Final[Told] = dict.fromkeys(
    ("upstream", "outcome", "status", "attempts", "breaker", "deadlineMs", "usedMs")
)

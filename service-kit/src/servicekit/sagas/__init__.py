"""
Work in steps over several services, that ends whole or not at all.

::

    MOVE_HOUSE = (
        Step("rent-van", do=rent_van, undo=give_van_back),
        Step("find-help", do=find_help, undo=thank_help),
        Step("sign-lease", do=sign_lease, is_pivot=True),
    )

A step's ``do`` tells one of three outcomes. *Done*: go on. *Refused*, a no that repeating will not
change: undo what was done, the last first. *Unknown*, no answer or none that can be used: ask again
with the same key until it is known, or until the work's time is over, and then undo.

The step that was refused or ran out of time is undone as well, since one of its attempts may still be
on the wire; work that is begun again after a crash undoes every step before the pivot. So an ``undo`` must
hold also where nothing was done, and against what comes after it. An undo
is repeated until it holds, however long that takes. The same goes for a *pivot*, from whose first
attempt on there is no way back but its refusal; time does not end it. Whatever has been repeated for
``attention_after_s`` is reported as needing attention, and goes on being repeated.

``carry_out`` runs over a ``Journal`` that records what the steps before the pivot came to: whether the
work goes on to its end or back. Beside that only a pivot that was refused is recorded, before the way back. After a crash all that is not recorded is
done again, so both ``do`` and ``undo`` must be idempotent, by keys that depend on nothing but the work; what
is done again then finds what it did. One record in place of one for each step and each undo is what makes
a saga cheap (docs/decisions/0015).
"""

from servicekit.sagas.models import (
    Deed,
    Done,
    Ending,
    Entry,
    How,
    Journal,
    JsonObject,
    Outcome,
    Refused,
    Saga,
    Standing,
    Step,
    Unknown,
    What,
    Witness,
    Work,
    nothing,
)
from servicekit.sagas.runner import ATTEMPT_S, Pause, Runner
from servicekit.sagas.watching import Attempt, Watch

__all__ = [
    "ATTEMPT_S",
    "Attempt",
    "Deed",
    "Done",
    "Ending",
    "Entry",
    "How",
    "Journal",
    "JsonObject",
    "Outcome",
    "Pause",
    "Refused",
    "Runner",
    "Saga",
    "Standing",
    "Step",
    "Unknown",
    "Watch",
    "What",
    "Witness",
    "Work",
    "nothing",
]

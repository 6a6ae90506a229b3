"""
A step that is to be done, or undone: what its attempts come to, and who is told.

What goes wrong with a witness is its own business: the work goes on.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog

from servicekit.sagas.models import Deed, Done, Entry, Outcome, Refused, Saga, Unknown, What, Work
from servicekit.sagas.watching import Attempt
from servicekit.unharmed import unharmed

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Effort:
    """
    A step that is to be done, or undone, however many attempts that takes.
    """

    saga: Saga
    step: str
    deed: Deed
    work: Work
    is_undo: bool = False

    def attempt(self, number: int) -> Attempt:
        """
        One of its attempts, for who watches.
        """
        return Attempt(self.saga.name, self.work.id, self.step, number, self.is_undo)

    def entry(self, outcome: Outcome, now: datetime, attempts: int) -> Entry | None:
        """
        What it came to, or None where it has to be repeated.
        """
        # What is done too late is undone like what may have been done.
        is_late = self.work.until is not None and now >= self.work.until
        match outcome:
            case Done(facts) if not is_late:
                what: What = "undone" if self.is_undo else "done"
                return Entry(self.step, what, now, attempts, facts)
            case Refused(code, facts) if not self.is_undo:
                return Entry(self.step, "refused", now, attempts, facts, code)
        if is_late:
            return Entry(self.step, "unknown", now, attempts, {"why": _why(outcome)})
        return None

    def tell_repeating(self, outcome: Outcome) -> None:
        """
        The first attempt had no known outcome.
        """
        with unharmed("saga.witness_failed", telling="repeating"):
            self.saga.witness.repeating(self.work, self.step, _why(outcome))

    async def is_flagged(self, outcome: Outcome) -> bool:
        """
        Whether the need for attention could be told; if not, it is told again after the next attempt.
        """
        facts = {"saga": self.saga.name, "work": self.work.id, "step": self.step}
        log.error("saga.needs_attention", why=_why(outcome), **facts)
        with unharmed("saga.attention_not_told", work=self.work.id):
            await self.saga.witness.needs_attention(self.work, self.step, _why(outcome))
            return True
        return False


def show(saga: Saga, work: Work, entry: Entry) -> None:
    """
    Tell the saga's witness what a step came to.
    """
    with unharmed("saga.witness_failed", telling="saw"):
        saga.witness.saw(work, entry)


def _why(outcome: Outcome) -> str:
    match outcome:
        case Unknown(why):
            return why
        case Refused(code):
            return code
        case _:
            return "DEADLINE_EXCEEDED"

"""
What the engine's journal keeps of a work: enough to go on with it anywhere.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from servicekit import correlation
from servicekit.correlation import Correlation
from servicekit.durable.transact import Given
from servicekit.sagas import Work


def key_of(saga: str, work_id: str) -> str:
    """
    A work's name in the journal.
    """
    return f"{saga}:{work_id}"


@dataclass(frozen=True, slots=True)
class Errand:
    """
    A work with the ids of the request that it belongs to, as the journal keeps them.
    """

    work: Work
    ids: Correlation

    @classmethod
    def of(cls, given: Given) -> Self:
        """
        Read what ``given`` has written.
        """
        until, subject = given["until"], given["subject"]
        assert isinstance(subject, dict)  # noqa: S101  # written by `given`
        work = Work(
            str(given["id"]), subject, None if until is None else datetime.fromisoformat(str(until))
        )
        ids = correlation.resumed(str(given["correlation_id"]), str(given["traceparent"]))
        return cls(work, ids)

    def given(self) -> Given:
        """
        Plain JSON.
        """
        until = self.work.until
        return {
            "id": self.work.id,
            "subject": dict(self.work.subject),
            "until": None if until is None else until.isoformat(),
            "correlation_id": self.ids.correlation_id,
            "traceparent": self.ids.traceparent,
        }

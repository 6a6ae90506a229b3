"""
An engine that says what a test wants it to say, and notes what it is asked to do.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from servicekit.sagas import JsonObject, Standing


@dataclass
class ScriptedWorks:
    """
    All works stand alike; None: none was ever started. ``refusing`` is raised in place of a start or an
    answer; what comes ``before`` one is awaited.
    """

    standing: Standing | None = None
    refusing: Mapping[str, Exception] = field(default_factory=dict)
    before_answer: Callable[[], Awaitable[object]] | None = None
    before_start: Callable[[], Awaitable[object]] | None = None
    starting: int = 0
    started: list[str] = field(default_factory=list)
    begun_again: list[str] = field(default_factory=list)
    running_count: int = 0

    def require_running(self) -> None:
        """
        As if it ran.
        """

    def begin(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Not yet.
        """

    def carries(self, saga: str, work_id: str) -> bool:  # noqa: ARG002  # as Works has it
        """
        Nothing is carried out here.
        """
        return False

    async def start(
        self,
        saga: str,
        work_id: str,
        subject: JsonObject,  # noqa: ARG002  # as above
        *,
        until: datetime | None = None,  # noqa: ARG002  # as above
    ) -> None:
        """
        Noted.
        """
        self.starting += 1
        if self.before_start is not None:
            await self.before_start()
        if work_id in self.refusing:
            raise self.refusing[work_id]
        self.started.append(f"{saga}:{work_id}")

    async def standings(self, saga: str, work_ids: Sequence[str]) -> Mapping[str, Standing]:  # noqa: ARG002  # as above
        """
        The one that the test has chosen.
        """
        if work_ids and self.before_answer is not None:
            await self.before_answer()
        if "standings" in self.refusing:
            raise self.refusing["standings"]
        return {} if self.standing is None else dict.fromkeys(work_ids, self.standing)

    async def begin_again(self, saga: str, work_id: str) -> bool:
        """
        Noted.
        """
        self.begun_again.append(f"{saga}:{work_id}")
        return True

    async def nudge(self, work_id: str) -> None:
        """
        In vain.
        """

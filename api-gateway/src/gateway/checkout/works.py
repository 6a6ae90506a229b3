"""
What the checkout asks of whoever carries sagas through.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from servicekit.sagas import JsonObject


class Works(Protocol):
    """
    What carries sagas through (servicekit.durable).
    """

    @property
    def running_count(self) -> int:
        """
        How many works run in this replica.
        """

    def require_running(self) -> None:
        """
        Raise ServiceUnavailable where no work is carried out here.
        """

    def begin(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Begin what is recorded as accepted; what a crash makes of it must be started.
        """

    def carries(self, saga: str, work_id: str) -> bool:
        """
        Whether the work is carried out in this replica.
        """

    async def start(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Begin; durable when it returns. Once begun, to start it again changes nothing.
        """

    async def known(self, saga: str, work_ids: Sequence[str]) -> Collection[str]:
        """
        Which of these were started.
        """

    async def nudge(self, work_id: str) -> None:
        """
        Repeat now what is waiting between two attempts here.
        """

"""
What the checkout asks of whoever carries sagas through.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from servicekit.sagas import JsonObject, Standing


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

    async def standings(self, saga: str, work_ids: Sequence[str]) -> Mapping[str, Standing]:
        """
        How those of these stand that were started.
        """

    async def begin_again(self, saga: str, work_id: str) -> bool:
        """
        Begin what stands stopped; False where it does not.
        """

    async def nudge(self, work_id: str) -> None:
        """
        Repeat now what is waiting between two attempts here.
        """

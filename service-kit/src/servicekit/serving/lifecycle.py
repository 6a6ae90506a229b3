"""
Where a service is in its life: starting, serving or draining; and how busy it is.
"""

import time
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["starting", "serving", "draining"]


@dataclass(slots=True)
class Lifecycle:
    """
    Shared by the server, which changes the phase, and by the probes, which tell it.
    """

    phase: Phase = "starting"
    active_requests: int = 0
    is_refused: bool = False
    started_at: float = field(default_factory=time.monotonic)

    def serve(self) -> None:
        """
        Everything that was needed has started.
        """
        self.phase = "serving"

    def drain(self) -> None:
        """
        The end has been asked for: requests are still answered, new traffic should go elsewhere.
        """
        self.phase = "draining"

    def refuse(self) -> None:
        """
        The start was given up for a reason that the log tells.
        """
        self.is_refused = True

    @property
    def uptime_s(self) -> float:
        """
        Seconds since the service was made.
        """
        return time.monotonic() - self.started_at

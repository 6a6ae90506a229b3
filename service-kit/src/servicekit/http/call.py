"""
One call of a client: what is sent, and what the layers of the pipeline know of it.

Moments are of the monotonic clock, in seconds.
"""

from dataclasses import dataclass

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Call:
    """
    Goes with all its attempts from the client down to the network and back.
    """

    upstream: str
    method: str
    #: Path and query, as they stand in the request's first line.
    target: str
    #: Those of one attempt are set anew by the next.
    headers: dict[str, str]
    content: bytes
    is_safe: bool
    is_keyed: bool
    started_at: float
    deadline_at: float
    attempts: int = 0
    #: Of the last attempt's answer, if there was one.
    status: int | None = None
    #: The attempt in progress has not begun to send. Only our own network sets this.
    is_connecting: bool = False
    #: Some attempt may have been carried out, without a clear answer.
    is_in_doubt: bool = False
    #: It was the call's own deadline that ended it, not a limit of ours.
    is_cut_short: bool = False

    @property
    def may_repeat(self) -> bool:
        """
        Sending it twice does no more than sending it once.
        """
        return self.is_safe or self.is_keyed

    @property
    def may_have_happened(self) -> bool:
        """
        It changes something, and nobody can tell whether it has.
        """
        return self.is_in_doubt and not self.is_safe

    def left_s(self, now: float) -> float:
        """
        Seconds until the deadline; below zero when it is over.
        """
        return self.deadline_at - now

"""
What the statuses of the engine's journal mean to a work's owner.
"""

from typing import Final

from servicekit.sagas import Standing

#: It is carried out, or waits for its turn.
_GOING: Final = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
#: The journal leaves it alone: it was carried out, or something has kept it from that.
OVER: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def standing_of(status: str, *, is_ours: bool) -> Standing:
    """
    How a work stands, of this release's version or of another.
    """
    if not is_ours:
        return Standing.FOREIGN
    return Standing.GOING if status in _GOING else Standing.STOPPED

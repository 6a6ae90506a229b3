"""
The time of day, as what is handed to whoever needs it: tests hand in another.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """
    The time of day.
    """
    return datetime.now(UTC)

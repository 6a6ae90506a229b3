"""
Who or what changes stock.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Who or what caused a movement, and in which request.
    """

    who: str
    correlation_id: str | None = None


#: Whoever gives back what has expired.
SWEEPER: Final = Origin("sweeper")

"""
Who or what changes stock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Who or what caused a movement, and in which request.
    """

    who: str
    correlation_id: str | None = None

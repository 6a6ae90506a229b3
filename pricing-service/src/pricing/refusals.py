"""
Why a discount code is refused: what the arithmetic finds, and what callers are told.
"""

import enum
from dataclasses import dataclass


class Reason(enum.StrEnum):
    """
    Why a code cannot be used; where several apply, the first of them in this order.

    - ``UNKNOWN``: no such code, or no longer.
    - ``REPEATED``: given more than once.
    - ``NOT_YET_VALID``, ``EXPIRED``: before ``valid_from``; from ``valid_until`` on.
    - ``USED_UP``: its uses are all claimed.
    - ``CURRENCY``: its fixed amount or minimum order is in another currency than the order.
    - ``MINIMUM_ORDER``: the order's subtotal is below its minimum.
    - ``NOT_APPLICABLE``: no line is in its category, or none reaches its first tier.
    - ``NOT_STACKABLE``: among the codes without any of these faults is one that must stand alone.
      All of those are named.
    """

    UNKNOWN = "UNKNOWN"
    REPEATED = "REPEATED"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    USED_UP = "USED_UP"
    CURRENCY = "CURRENCY"
    MINIMUM_ORDER = "MINIMUM_ORDER"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_STACKABLE = "NOT_STACKABLE"


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A code that cannot be used for this order, and why.
    """

    code: str
    reason: Reason

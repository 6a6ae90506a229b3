"""
What accounts refuse by themselves.

::

    MalformedRequest            400  INVALID_REQUEST
    └── GrantRefused            400  INVALID_REQUEST

Everything else is identity's to refuse, and passed on (``accounts.refusals``).
"""

from typing import Literal

from servicekit.errors import MalformedRequest

GrantFault = Literal["invalid_request", "unsupported_grant_type"]


class GrantRefused(MalformedRequest):
    """
    A request for tokens is not well-formed, or of a kind that is not for people.
    """

    def __init__(self, message: str, *, fault: GrantFault = "invalid_request") -> None:
        super().__init__(message)
        self.details["error"] = fault

"""
What reports refuse by themselves.

::

    InvalidRequest              422  INVALID_REQUEST
    └── NotAcceptable           406  INVALID_REQUEST
"""

from collections.abc import Sequence

from servicekit.errors import InvalidRequest


class NotAcceptable(InvalidRequest):
    """
    The client takes none of the forms that there are.
    """

    status = 406

    def __init__(self, forms: Sequence[str]) -> None:
        super().__init__(f"This can be had as {' or '.join(forms)}.")
        self.details["forms"] = [*forms]

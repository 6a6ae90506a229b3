"""
The refusals of the catalog that the kit's tree lacks.

::

    StorefrontError                    (servicekit.errors)
    └── ServiceUnavailable
        └── NothingKnown               503  SERVICE_UNAVAILABLE  details.parts: which part, and why

What is not there is the kit's ``NotFound``, and a time that was too short its ``DeadlineExceeded``.
"""

from collections.abc import Sequence

from servicekit.errors import DEFAULT_RETRY_AFTER_S, ServiceUnavailable


class NothingKnown(ServiceUnavailable):
    """
    No part can be read now, and nothing is known of any from before.
    """

    def __init__(
        self,
        what: str,
        *,
        parts: Sequence[tuple[str, str]],
        retry_after_s: float = DEFAULT_RETRY_AFTER_S,
    ) -> None:
        super().__init__(what, retry_after_s=retry_after_s)
        self.details["parts"] = [{"part": part, "reason": reason} for part, reason in parts]

"""
What a check says where it does not simply pass.
"""


class Violation(Exception):
    """
    The service does not keep a promise: what was seen, and what should have been.
    """

    def __init__(self, *, seen: object, expected: str) -> None:
        super().__init__(f"saw {seen}; expected {expected}")
        self.seen = str(seen)
        self.expected = expected


class NotApplicable(Exception):
    """
    The promise does not concern this service, or cannot be looked into; the message says why.
    """


def expect(is_kept: bool, *, seen: object, expected: str) -> None:  # noqa: FBT001 - the condition itself
    """
    Raise Violation unless ``is_kept``.
    """
    if not is_kept:
        raise Violation(seen=seen, expected=expected)

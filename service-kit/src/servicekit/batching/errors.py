"""
What a lookup gets where there is no answer to it.
"""


class NoAnswer(LookupError):
    """
    The call went through, and said nothing of this key.
    """

    def __init__(self, key: object) -> None:
        super().__init__(f"no answer for {key!r}")
        self.key = key


class BatcherClosed(RuntimeError):
    """
    The batcher was closed before the answer came.
    """

"""
How far the answer to a request is: noted once, on its way out, and read by every step that
must know. One that wrapped ``send`` for itself would cost two calls a message.
"""


class Answer:
    """
    The answer to one request; ``status`` is None until it has begun.
    """

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status: int | None = None

    @property
    def is_begun(self) -> bool:
        """
        Whether the client has been told something that cannot be taken back.
        """
        return self.status is not None

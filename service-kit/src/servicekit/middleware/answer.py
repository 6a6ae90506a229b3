"""
How far the answer to a request is: noted once, by the request log, and read by every
layer inside it. One that wrapped ``send`` for itself would cost two calls a message.
"""

from starlette.types import Scope

_SCOPE_KEY = "servicekit.answer"


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


def expect_answer(scope: Scope) -> Answer:
    """
    The answer that ``scope`` will get. Whoever asks for it notes its beginning.
    """
    answer = scope[_SCOPE_KEY] = Answer()
    return answer


def answer_to(scope: Scope) -> Answer:
    """
    The answer that a layer further out has made ready.
    """
    answer: Answer = scope[_SCOPE_KEY]
    return answer

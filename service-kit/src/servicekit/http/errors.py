"""
What comes between a call and its answer, as the layers of the pipeline tell each other.

::

    CallFailed
    ├── OutOfTime
    │   ├── NeverBegun          not a byte was sent
    │   ├── NotConnectedInTime  not a byte was sent
    │   └── NotAnsweredInTime
    ├── NotSendable             not a byte was sent
    ├── NotConnected            not a byte was sent
    ├── ConnectionLost
    ├── BadAnswer
    └── AnswerTooLarge

Callers never see these: ``translation`` makes errors of ``servicekit.errors`` of them. What a breaker
tells of why it opened are their names.
"""


class CallFailed(Exception):
    """
    No answer came that could be read.
    """


class OutOfTime(CallFailed):
    """
    A limit was reached: the attempt's own, or the call's deadline.
    """


class NeverBegun(OutOfTime):
    """
    The time was over before the call had its turn.
    """


class NotConnectedInTime(OutOfTime):
    """
    The upstream's address was still being looked up or connected to.
    """


class NotAnsweredInTime(OutOfTime):
    """
    The request was under way, and the whole answer was not there.
    """


class NotSendable(CallFailed):
    """
    The request cannot be written as HTTP: a mistake of ours.
    """


class NotConnected(CallFailed):
    """
    There is nobody at the upstream's address, or not whom its certificate names.
    """


class ConnectionLost(CallFailed):
    """
    The connection broke while it was in use.
    """


class BadAnswer(CallFailed):
    """
    What came is no HTTP, no whole answer, or one that says that the upstream has failed.
    """


class AnswerTooLarge(CallFailed):
    """
    The answer has more bytes than are read. Asking again would bring the same.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"more than {max_bytes} bytes")
        self.max_bytes = max_bytes

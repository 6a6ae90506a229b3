"""
What keeps retries from becoming a storm: repeats are paid for by requests.
"""

#: The balance is counted in whole thousandths of a retry, so that it adds up exactly.
_RETRY = 1000


class RetryBudget:
    """
    Every request deposits ``ratio`` of a retry, each retry withdraws a whole one.

    So n requests cause at most ``start + ratio x n`` retries, and a long quiet
    time saves up no more than ``cap`` of them.
    """

    def __init__(self, *, ratio: float, start: float, cap: float) -> None:
        self._deposit = round(ratio * _RETRY)
        self._cap = round(cap * _RETRY)
        self._balance = min(round(start * _RETRY), self._cap)

    def deposit(self) -> None:
        """
        A request was made.
        """
        self._balance = min(self._balance + self._deposit, self._cap)

    def withdraw(self) -> bool:
        """
        Whether a retry can be paid for; if so, it is.
        """
        if self._balance < _RETRY:
            return False
        self._balance -= _RETRY
        return True

    @property
    def retries_left(self) -> float:
        """
        How many retries could be paid for now.
        """
        return self._balance / _RETRY

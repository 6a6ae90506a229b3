"""
The inventory service under load; see ``bench.services``.
"""

from bench.services import INVENTORY, measured, stock_up


def measure() -> dict[str, float]:
    """
    Requests a second, and each as a share of a bare route's.
    """
    return measured(INVENTORY, stock_up)

"""
The pricing service under load; see ``bench.services``.
"""

from bench.services import PRICING, measured, price_all


def measure() -> dict[str, float]:
    """
    Requests a second, and each as a share of a bare route's.
    """
    return measured(PRICING, price_all)

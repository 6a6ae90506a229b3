"""
From 1 to 256 connections, over 1,000 products.
"""

from bench.gateway.growth import grown
from bench.results import Table


def measure() -> Table:
    """
    Rates and times of each gateway by the number of connections.
    """
    return grown((f"{count} connections", count, 1_000) for count in (1, 4, 16, 64, 256))

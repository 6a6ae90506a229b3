"""
From 10 to 100,000 products, by 64 connections.
"""

from bench.gateway.growth import grown
from bench.results import Table


def measure() -> Table:
    """
    Rates and times of each gateway by the number of products.
    """
    return grown((f"{count:,} products", 64, count) for count in (10, 1_000, 100_000))

"""
Many concurrent lookups, few calls: ``Batcher`` asks, and ``lookups.Wait`` waits for several of them.
"""

from servicekit.batching.batcher import Batcher, note
from servicekit.batching.errors import BatcherClosed, NoAnswer

__all__ = ["Batcher", "BatcherClosed", "NoAnswer", "note"]

"""
Many concurrent lookups, few calls: ``Batcher`` asks, and ``lookups.Wait`` waits for several of them.
"""

from servicekit.batching.batcher import DEFAULT_MAX_WAITING, Batcher, BatcherClosed, NoAnswer, note

__all__ = ["DEFAULT_MAX_WAITING", "Batcher", "BatcherClosed", "NoAnswer", "note"]

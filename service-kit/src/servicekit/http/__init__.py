"""
Outgoing calls: one client for each upstream, one pipeline for each client.

Nothing outside this package imports httpx; inside it, ``addresses`` reads the base by it, and
``client`` and ``httpx_wire`` let a network of its kind stand below. ``pipeline`` lists the layers,
``errors`` what they tell each other; ``client`` is where callers begin, ``network`` is where bytes
leave, over a ``connection``.
"""

from servicekit.http.addresses import segment
from servicekit.http.breaker import Breaker, Snapshot, State, Transition
from servicekit.http.client import ServiceClient, Transport
from servicekit.http.observer import CallEnded, CallOutcome, Observer, Retry
from servicekit.http.policy import Policy
from servicekit.http.reply import Reply
from servicekit.http.translation import error_of_garbage
from servicekit.http.watching import recorded

__all__ = [
    "Breaker",
    "CallEnded",
    "CallOutcome",
    "Observer",
    "Policy",
    "Reply",
    "Retry",
    "ServiceClient",
    "Snapshot",
    "State",
    "Transition",
    "Transport",
    "error_of_garbage",
    "recorded",
    "segment",
]

"""
What a service finds outside of itself and cannot vouch for: networks and time.

A composition root takes it as an argument, so that tests run the application that production runs, with
another world around it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from servicekit.http import Transport


@dataclass(frozen=True, slots=True)
class Outside:
    """
    The networks to upstreams, by the names of their clients; those that are not named are real.
    """

    networks: Mapping[str, Transport] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


#: The world as it is.
REAL_WORLD = Outside()

"""
What the gateways read from.
"""

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.load import OTHER_CORE, started
from servicekit.testing.polling import unused_port

#: As many as any measurement asks for; those that ask for fewer leave the rest alone.
PRODUCTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Backends:
    """
    Where inventory and pricing are.
    """

    inventory_url: str
    pricing_url: str


@dataclass(frozen=True, slots=True)
class StubBackends(Backends):
    """
    Two that count.
    """

    def calls(self) -> int:
        """
        How many calls came so far, to both.
        """
        return _count(self.inventory_url) + _count(self.pricing_url)


def _count(url: str) -> int:
    with urllib.request.urlopen(f"{url}/count", timeout=5) as answer:
        calls: int = json.load(answer)["calls"]
        return calls


@contextmanager
def stubs() -> Iterator[StubBackends]:
    """
    Stubs of both on the other core.
    """
    pricing_port = str(unused_port())
    command = [sys.executable, "-m", "bench.stubs", pricing_port, str(PRODUCTS)]
    with started(command, {}, core=OTHER_CORE, ready="/count") as stub:
        yield StubBackends(stub.url, f"http://127.0.0.1:{pricing_port}")

"""
What our gateway keeps: its memory over 200,000 requests, for few products and for many.
"""

from typing import Final

from bench import machine
from bench.gateway.backends import stubs
from bench.gateway.picks import scattered
from bench.gateway.subjects import OURS, gateways
from bench.load import Program, loaded
from bench.results import Table

CONNECTIONS: Final = 64
#: Once everything has been used, and then twice more: what grows from there on grows for ever.
MARKS: Final = (20_000, 100_000, 200_000)
PRODUCTS: Final = (1_000, 100_000)


def measure() -> Table:
    """
    Megabytes after so many requests; a process of its own for each number of products.
    """
    rows: dict[str, dict[str, float]] = {}
    with stubs() as backends:
        for products in PRODUCTS:
            with gateways(backends, OURS) as subjects:
                rows[f"{products:,} products, MB"] = _over(subjects.programs[OURS], products)
    note = "Over many products it grows until it holds as many last-known values as it may."
    return Table(rows, (note,))


def _over(program: Program, products: int) -> dict[str, float]:
    told = {"at the start": machine.memory_mb(program.pid)}
    asked = 0
    for mark in MARKS:
        while asked < mark:
            script = scattered(products, start=asked)
            load = loaded(program.url, seconds=1, script=script, connections=CONNECTIONS)
            asked += load.requests
        told[f"after {mark:,}"] = machine.memory_mb(program.pid)
    return told

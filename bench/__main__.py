"""
``make bench``: every measurement of the house, one after the other, and ``bench/results.md``.

``python -m bench gateway auth`` takes those whose names begin so. Absolute figures depend on the
machine and on what else it does; each run therefore holds its own baseline, and
differences and ratios are what counts.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

from bench import results
from bench.results import Table

#: Module -> what its figures are, in the order they are run.
MEASUREMENTS: Mapping[str, str] = {
    "stack": "The middleware stack: microseconds a request, layer by layer",
    "auth": "Token verification: microseconds",
    "pipeline": "The outgoing pipeline: microseconds a call, on a network that answers at once",
    "inventory": "Inventory on one core, 32 connections",
    "pricing": "Pricing on one core, 32 connections",
    "gateway.throughput": "The gateway: one product, 64 connections, 1,000 products, one core",
    "gateway.profile": "The gateway: where the microseconds of one product go, 64 connections",
    "gateway.bulk": "The gateway: many products at once",
    "gateway.real": "The gateway before the real services, 64 connections, 1,000 products",
    "gateway.connections": "The gateway: from 1 to 256 connections",
    "gateway.products": "The gateway: from 10 to 100,000 products",
    "gateway.orders": "The gateway: orders, one client and 32",
    "gateway.reports": "The gateway: reports of 100,000 orders",
    "gateway.memory": "The gateway: memory over 200,000 requests",
}
_PROGRAM = """
import dataclasses, json
from bench.results import Table
from bench.{module} import measure
print(json.dumps(dataclasses.asdict(Table.of(measure()))))
"""


def main(wanted: Sequence[str]) -> int:
    """
    Measure, print, and write the results.
    """
    chosen = [name for name in MEASUREMENTS if not wanted or name.startswith(tuple(wanted))]
    if not chosen:
        print(f"there is no such measurement; there are {', '.join(MEASUREMENTS)}")
        return 2
    for module in chosen:
        print(f"{MEASUREMENTS[module]} ...", flush=True)
        table = _measured(module)
        print(table.text(), flush=True)
        results.write(MEASUREMENTS[module], table)
    print(f"written to {results.RESULTS}")
    return 0


def _measured(module: str) -> Table:
    """
    The figures of one module, from a process of its own: none finds what another has left.
    """
    program = _PROGRAM.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{module} could not be measured")
    told = json.loads(done.stdout.splitlines()[-1])
    return Table(rows=told["rows"], notes=tuple(told["notes"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

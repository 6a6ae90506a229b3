"""
What is measured: our gateway as production runs it, and its peers, each a process on the tested core.

Ours has its whole edge on, and writes its request log to /dev/null. The peers write none.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import peers
from bench.gateway.backends import Backends
from bench.load import Program, started
from bench.services import prepared

_NODE: Final = Path(peers.__file__).with_name("node")
_STAMP: Final = _NODE / "node_modules" / ".installed"

OURS: Final = "ours"
NODE: Final = "Node"
PLAIN: Final = "plain"
_COMMANDS: Final = {
    OURS: (sys.executable, "-m", "gateway", "serve"),
    NODE: ("node", str(_NODE / "server.mjs")),
    PLAIN: (sys.executable, "-m", "bench.peers.plain", "serve"),
}
#: What every table of gateways has to say of its columns.
LEGEND: Final = (
    "ours: this gateway, request log and whole edge on. Node: Fastify and undici, two calls for "
    "each request, no log (bench/peers/node). plain: FastAPI and httpx, the same (bench/peers/plain.py)."
)


@dataclass(frozen=True, slots=True)
class Subjects:
    """
    The gateways that run, by name, and what is to be said of those that do not.
    """

    programs: dict[str, Program]
    notes: tuple[str, ...]


@contextmanager
def gateways(backends: Backends, *names: str) -> Iterator[Subjects]:
    """
    The gateways with these names in front of ``backends``; all there are without one.
    """
    wanted = list(names or _COMMANDS)
    missing = _why_no_node() if NODE in wanted else None
    if missing is not None:
        wanted.remove(NODE)
    with ExitStack() as stack:
        programs = {name: stack.enter_context(_gateway(name, backends)) for name in wanted}
        yield Subjects(programs, (LEGEND, *([missing] if missing else [])))


@contextmanager
def _gateway(name: str, backends: Backends) -> Iterator[Program]:
    environment = {
        "INVENTORY_SERVICE_URL": backends.inventory_url,
        "PRICING_SERVICE_URL": backends.pricing_url,
    }
    with orders_kept() as kept, started(_COMMANDS[name], environment | kept) as program:
        yield program


@contextmanager
def orders_kept() -> Iterator[dict[str, str]]:
    """
    The environment of a gateway with a new place for its orders, without which it would not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {"DATABASE_URL": f"sqlite:///{folder}/orders.db"}
        prepared("gateway", "migrate", environment)
        yield environment


def _why_no_node() -> str | None:
    """
    What keeps the Node peer out of the results; None once it can be started.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Without the Node peer: node and npm are not installed here."
    lock = hashlib.sha256((_NODE / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.exists() and _STAMP.read_text() == lock:
        return None
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=_NODE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return "Without the Node peer: npm ci did not succeed (no network?); see its messages."
    _STAMP.write_text(lock)
    return None

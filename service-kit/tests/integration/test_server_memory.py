"""
What a server does about the garbage collector, in a process of its own.
"""

import json
import subprocess
import sys

from servicekit.serving.server import GC_THRESHOLD

#: Starts a server, and tells what the collector sees before, while it serves, and of its garbage.
SCRIPT = """
import asyncio, gc, json, weakref
import uvicorn
from servicekit.serving.lifecycle import Lifecycle
from servicekit.serving.server import DrainingServer

class Circle:
    def __init__(self):
        self.itself = self

async def app(scope, receive, send):
    raise RuntimeError("nobody asks")

async def main():
    config = uvicorn.Config(app, lifespan="off", port=0, log_config=None)
    config.load()
    server = DrainingServer(config, lifecycle=Lifecycle(), drain_delay_s=0)
    server.lifespan = config.lifespan_class(config)
    before = gc.get_threshold()
    await server.startup()
    left = weakref.ref(Circle())
    facts = {
        "frozen": gc.get_freeze_count(),
        "before": before,
        "threshold": gc.get_threshold(),
        "is_enabled": gc.isenabled(),
    }
    circles = [Circle() for _ in range(facts["threshold"][0] + 10)]
    facts["is_collected"] = left() is None
    await server.shutdown()
    print(json.dumps(facts))

asyncio.run(main())
"""


def test_a_server_searches_for_garbage_less_often_and_still_finds_it() -> None:
    """
    What the start has made is out of the collector's sight; it stays on, and circles do not pile up.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )

    facts = json.loads(done.stdout)
    assert facts["frozen"] > 10_000
    assert facts["threshold"] == [GC_THRESHOLD, *facts["before"][1:]]
    assert facts["is_enabled"]
    assert facts["is_collected"]

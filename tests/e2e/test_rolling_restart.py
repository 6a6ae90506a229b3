"""
Gateways that are restarted one after another while people read and order: ``make rolling`` does it to
containers behind nginx.
"""

import signal
from pathlib import Path

from servicekit.testing import eventually
from tests.chaos.construction import Plan
from tests.chaos.servers import Server
from tests.chaos.world import running_world
from tests.e2e.balancer import Balancer
from tools.rolling.load import crowd_at, discrepancies

#: A balancer turns away within it, also on a machine that is busy.
DRAINS_FOR_S = 2.0
#: What is slow here is the machine.
PATIENT = {
    "REQUEST_TIMEOUT_SECONDS": "20",
    "ORDER_DEADLINE_SECONDS": "20",
    "ORDER_WAIT_SECONDS": "22",
}


async def test_restarting_each_gateway_loses_no_request_and_no_order(tmp_path: Path) -> None:
    """
    Under load each replica is told to end and started anew: no request fails, every order ends, and the
    shelves show what shoppers were told.
    """
    plan = Plan(
        "postgresql",
        seed="rolling",
        gateways=2,
        gateway_settings={"DRAIN_DELAY_SECONDS": str(DRAINS_FOR_S), **PATIENT},
    )
    codes: list[int | None] = []

    async with running_world(plan, tmp_path) as world:
        balancer = Balancer([server.port for server in world.gateways])
        async with balancer.running() as url:
            await eventually(lambda: len(balancer.ready) == 2, within_s=30)
            async with crowd_at(url, seed="rolling") as crowd:
                before = await crowd.shelves()
                async with crowd.busy():
                    for server in world.gateways:
                        codes.append(await _restarted(server))
                        await eventually(lambda: len(balancer.ready) == 2, within_s=30)
                await crowd.settle()
                wrong = discrepancies(crowd.tally, before, await crowd.shelves())

    assert crowd.tally.failures == []
    assert crowd.tally.lost == []
    assert wrong == []
    assert crowd.tally.ended.total() >= 10
    assert codes == [0, 0]


async def _restarted(server: Server) -> int | None:
    server.kill(signal.SIGTERM)
    code = await server.gone()
    await server.start()
    return code

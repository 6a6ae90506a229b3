"""
The whole shop as processes: gateways, inventory, pricing, identity, and the faulty network between.

Everything lies in one folder, the logs as well.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from servicekit.testing.guarded import shared_lock
from tests.chaos.books import Discrepancy
from tests.chaos.construction import (
    GATEWAY,
    IDENTITY,
    INVENTORY,
    POSTGRESQL,
    PRICING,
    Construction,
    Plan,
    demo_settings,
    variable_of,
)
from tests.chaos.databases import Databases, databases
from tests.chaos.fault_proxy import NO_FAULTS, FaultProxy, Faults, OnPassage
from tests.chaos.servers import Server
from tools.demo.secrets_file import DemoSecrets, load_or_make
from tools.demo.services import SERVICES, secret_names


class World:
    """
    A shop. ``proxies`` stand before inventory and pricing, by the services' names; ``happened`` counts
    what was done to it besides.
    """

    def __init__(
        self,
        plan: Plan,
        databases: Databases,
        servers: Mapping[str, Server],
        proxies: Mapping[str, FaultProxy],
        secrets: DemoSecrets,
    ) -> None:
        self.plan = plan
        self.databases = databases
        self.servers = servers
        self.proxies = proxies
        self.happened: Counter[str] = Counter()
        self._secrets = secrets

    @property
    def gateways(self) -> Sequence[Server]:
        """
        The replicas of the gateway.
        """
        return [server for name, server in self.servers.items() if name.startswith(GATEWAY)]

    @property
    def has_losses(self) -> bool:
        """
        Whether a service is down, or PostgreSQL.
        """
        is_up = all(server.is_running for server in self.servers.values())
        return self.databases.is_down or not is_up

    def kill(self, victim: str, *, is_gentle: bool = False) -> bool:
        """
        ``kill -9`` of a service or of PostgreSQL, at once; whether there was something to kill.
        ``is_gentle``: SIGTERM.
        """
        if victim == POSTGRESQL:
            return self.databases.kill()
        return self.servers[victim].kill(signal.SIGTERM if is_gentle else signal.SIGKILL)

    def set_faults(self, faults: Faults = NO_FAULTS) -> None:
        """
        Change the network, everywhere at once.
        """
        for proxy in self.proxies.values():
            proxy.faults = faults

    def tell(self, on_passage: OnPassage) -> None:
        """
        From now on, ``on_passage`` is told where calls are.
        """
        for proxy in self.proxies.values():
            proxy.on_passage = on_passage

    async def start_what_is_down(self) -> None:
        """
        Start PostgreSQL and every service whose process has ended.
        """
        await self.databases.restart()
        down = [server for server in self.servers.values() if not server.is_running]
        await asyncio.gather(*(server.start() for server in down))

    async def network_is_quiet(self) -> None:
        """
        Returns when no request is late any more.
        """
        for proxy in self.proxies.values():
            await proxy.quiet()

    async def audit(self) -> list[Discrepancy]:
        """
        What inventory's own audit finds.
        """
        code, output = await self.servers[INVENTORY].run("audit")
        return [Discrepancy("audit", INVENTORY, output.strip())] if code else []

    async def token(self, user: str) -> str:
        """
        An access token of one of the demo's people.
        """
        form = {
            "grant_type": "password",
            "username": user,
            "password": self._secrets[f"password/{user}"],
        }
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(f"{self.servers[IDENTITY].url}/auth/token", data=form)
        return str(answer.raise_for_status().json()["access_token"])

    async def end(self) -> None:
        """
        Kill every process that is left.
        """
        for server in self.servers.values():
            server.kill()
        await asyncio.gather(*(server.gone() for server in self.servers.values()))


@asynccontextmanager
async def running_world(plan: Plan, folder: Path) -> AsyncIterator[World]:
    """
    A shop with the demo's products, ready, in ``folder``; its processes are gone at the end.
    """
    demo = demo_settings(folder, plan)
    demo.make_folders()
    lock = folder / "lock"
    secrets = load_or_make(folder / "secrets.json", secret_names(SERVICES))
    async with AsyncExitStack() as stack:
        stack.enter_context(shared_lock(lock))
        kept = stack.enter_context(databases(plan.database, folder, lock))
        ports = {service.name: service.port(demo) for service in SERVICES}
        proxies = {
            name: FaultProxy(ports[name], seed=f"{plan.seed}:{name}")
            for name in (INVENTORY, PRICING)
        }
        addresses = {
            variable_of(
                name
            ): f"http://127.0.0.1:{await stack.enter_async_context(proxy.running())}"
            for name, proxy in proxies.items()
        }
        construction = Construction(plan, demo, secrets, kept, addresses, lock)
        await asyncio.gather(*map(construction.prepare, SERVICES))
        servers = [server for service in SERVICES for server in construction.servers(service)]
        world = World(plan, kept, {server.name: server for server in servers}, proxies, secrets)
        stack.push_async_callback(world.end)
        await world.start_what_is_down()
        yield world

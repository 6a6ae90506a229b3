"""
How the services of a world are told where and what they are, and how their data are prepared.

What runs and how it is told its secrets is the demo's table (``tools.demo.services``), with a few
settings that make a shop impatient, so that a round takes seconds.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.chaos.databases import Databases, Kind
from tests.chaos.servers import Server, ServerFailed
from tests.e2e.processes import ROOT, free_base
from tools.demo.secrets_file import DemoSecrets
from tools.demo.services import SERVICES, Service, environment
from tools.demo.settings import DemoSettings

GATEWAY: Final = "api-gateway"
INVENTORY: Final = "inventory-service"
PRICING: Final = "pricing-service"
IDENTITY: Final = "identity-service"
#: The server of all databases, where there is one.
POSTGRESQL: Final = "postgresql"

#: Replicas of the gateway listen above the four services.
_REPLICAS_ABOVE: Final = 3

#: What only makes waits shorter: nothing here is needed for the books to add up.
IMPATIENT: Final = {
    "SERVICE_TIMEOUT": "1",
    "CIRCUIT_BREAKER_TIMEOUT": "0.3",
    "ORDER_WAIT_SECONDS": "3",
    "ORDER_DEADLINE_SECONDS": "3",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a world is made of. ``sources``: a copy of the sources to run, in place of this checkout's.
    ``is_warm``: processes start with their imports done, which saves a second of each start.
    """

    database: Kind = "sqlite"
    seed: str = "1"
    gateways: int = 1
    sources: Path | None = None
    log_level: str = "INFO"
    is_warm: bool = True
    gateway_settings: Mapping[str, str] = field(default_factory=lambda: IMPATIENT)


@dataclass(frozen=True, slots=True)
class Construction:
    """
    What the services' environments are made from. ``addresses``: what the gateway takes for its
    backends, by the variables' names.
    """

    plan: Plan
    demo: DemoSettings
    secrets: DemoSecrets
    databases: Databases
    addresses: Mapping[str, str]
    lock: Path

    def servers(self, service: Service) -> list[Server]:
        """
        The service's processes, not started: one, or as many as there are gateways.
        """
        if service.name != GATEWAY:
            return [self._server(service, service.name, service.port(self.demo))]
        first = self._server(service, GATEWAY, service.port(self.demo))
        above = self.demo.port_base + _REPLICAS_ABOVE
        return [
            first,
            *(
                self._server(service, f"{GATEWAY}-{number}", above + number - 1)
                for number in range(2, self.plan.gateways + 1)
            ),
        ]

    async def prepare(self, service: Service) -> None:
        """
        Make the service's database, and fill it as the demo's.
        """
        await asyncio.to_thread(self.databases.create, service.name)
        server = self._server(service, service.name, service.port(self.demo), seeding=True)
        for command in service.preparations:
            code, output = await server.run(command)
            if code:
                raise ServerFailed(f"{service.name} {command}: exit code {code}\n{output}")

    def _server(self, service: Service, name: str, port: int, *, seeding: bool = False) -> Server:
        return Server(
            name,
            [self.demo.python, *service.program, "serve"],
            self._environment(service, seeding=seeding) | {"SERVICE_PORT": str(port)},
            port=port,
            folder=self.demo.folder,
            lock=self.lock,
            is_warm=self.plan.is_warm,
        )

    def _environment(self, service: Service, *, seeding: bool) -> dict[str, str]:
        environ = environment(service, SERVICES, self.demo, self.secrets, seeding=seeding)
        # A warm process has to find Python as it is here.
        del environ["PYTHONUNBUFFERED"]
        return {
            **environ,
            **{name: value for name, value in os.environ.items() if name.startswith("PYTHON")},
            **_python_path(self.plan.sources),
            "DATABASE_URL": self.databases.url(service.name),
            # Tokens outlive the longest run.
            "ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
            **({**self.plan.gateway_settings, **self.addresses} if service.name == GATEWAY else {}),
        }


def demo_settings(folder: Path, plan: Plan) -> DemoSettings:
    """
    A demo's settings for a world in ``folder``, on free ports.
    """
    variables = {
        **os.environ,
        "DEMO_DATA_DIR": str(folder),
        "LOG_LEVEL": plan.log_level,
        "LOG_FORMAT": "json",
    }
    return replace(DemoSettings.from_environment(variables, ROOT), port_base=free_base())


def variable_of(service: str) -> str:
    """
    The setting that tells others where a service is.
    """
    return service.upper().replace("-", "_") + "_URL"


def _python_path(sources: Path | None) -> dict[str, str]:
    if sources is None:
        return {}
    return {"PYTHONPATH": os.pathsep.join(str(path) for path in sorted(sources.glob("*/src")))}

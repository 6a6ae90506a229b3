"""
A shop of the tool's own, as ``make demo`` makes it: in a folder and on ports that nobody else uses, and gone
when it was used.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.demo.child import Child
from tools.demo.console import Console
from tools.demo.log_files import LogFiles
from tools.demo.ports import is_free
from tools.demo.secrets_file import DemoSecrets, load_or_make
from tools.demo.services import SERVICES, secret_names
from tools.demo.settings import PORTS_NEEDED, DemoProblem, DemoSettings
from tools.demo.supervisor import Supervisor

Json = Mapping[str, object]

#: Below those that the system gives to outgoing connections.
_PORTS: Final = range(20_000, 32_000, PORTS_NEEDED)
_ANSWER_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the gateway said.
    """

    status: int
    trace_id: str
    body: Json


class Shop:
    """
    The running services, as a signed-in shopper meets them.
    """

    def __init__(
        self, demo: DemoSettings, secrets: DemoSecrets, children: Mapping[str, Child]
    ) -> None:
        self._demo = demo
        self._secrets = secrets
        self._children = children
        self._token: str | None = None

    async def sign_in(self) -> None:
        """
        From now on, calls are the shopper's.
        """
        password = self._secrets["password/shopper"]
        form = f"grant_type=password&username=shopper&password={password}"
        answer = await self._ask(
            "POST", "/api/v1/auth/token", form.encode(), "application/x-www-form-urlencoded"
        )
        self._token = str(answer.body["access_token"])

    async def post(self, path: str, body: Json | None = None) -> Answer:
        """
        What the gateway answers to a body of JSON.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        return await self._ask("POST", path, sent, "application/json")

    async def get(self, path: str) -> Answer:
        """
        What it answers to a question.
        """
        return await self._ask("GET", path, None, None)

    @asynccontextmanager
    async def frozen(self, service: str) -> AsyncIterator[None]:
        """
        A service that does nothing while inside.
        """
        child = self._children[service]
        child.send(signal.SIGSTOP)
        try:
            yield
        finally:
            child.send(signal.SIGCONT)

    async def _ask(self, method: str, path: str, body: bytes | None, kind: str | None) -> Answer:
        headers = {"Content-Type": kind} if kind else {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        return await asyncio.to_thread(self._exchange, method, path, body, headers)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        port = SERVICES[0].port(self._demo)
        connection = HTTPConnection(self._demo.host, port, timeout=_ANSWER_WITHIN_S)
        try:
            connection.request(method, path, body, dict(headers))
            return _answer(connection.getresponse())
        finally:
            connection.close()


@asynccontextmanager
async def running(collector: str) -> AsyncIterator[Shop]:
    """
    A shop whose services send their traces to ``collector``; they have sent all when this is left.
    """
    with TemporaryDirectory(prefix="storefront-trace-") as folder:
        demo = _settings(Path(folder), collector)
        demo.make_folders()
        secrets = load_or_make(demo.folder / "secrets.json", secret_names(SERVICES))
        names = [service.name for service in SERVICES]
        console, log_files = Console(None, names, colours=False), LogFiles(demo.logs)
        supervisor = Supervisor(SERVICES, demo, secrets, console=console, log_files=log_files)
        try:
            children = await supervisor.start()
            yield Shop(demo, secrets, dict(zip(names, children, strict=True)))
        finally:
            await supervisor.stop()
            console.close()
            log_files.close()


def _settings(folder: Path, collector: str) -> DemoSettings:
    demo = DemoSettings.from_environment(os.environ, folder)
    # Whoever traces in their shell, or samples, must not change what is shown here.
    inherited = {
        name: value for name, value in demo.inherited.items() if not name.startswith("OTEL_")
    }
    inherited["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector
    return replace(demo, folder=folder, port_base=_free_base(), inherited=inherited)


def _free_base() -> int:
    for base in random.sample(_PORTS, k=100):
        if all(is_free("127.0.0.1", base + service.port_offset) for service in SERVICES):
            return base
    raise DemoProblem("No free ports were found on this machine.")


def _answer(response: HTTPResponse) -> Answer:
    body = json.loads(response.read() or b"{}")
    return Answer(response.status, response.headers.get("X-Trace-ID", ""), body)

"""
Prepares the services, starts them, keeps them running and stops them.

A run is one task: the first signal cancels it, and whatever it had started is then stopped
within a bound. A second Ctrl-C kills at once.
"""

import asyncio
import itertools
import signal
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial

from tools.demo.child import Child, describe_end
from tools.demo.console import Console
from tools.demo.log_files import LogFiles
from tools.demo.prepared import Prepared, fingerprint
from tools.demo.readiness import is_ready
from tools.demo.secrets_file import DemoSecrets
from tools.demo.services import Service, environment
from tools.demo.settings import DemoProblem, DemoSettings
from tools.demo.tour import tour

_ASK_AGAIN_AFTER_S = 0.05
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """
    One run of the demo.
    """

    def __init__(
        self,
        services: tuple[Service, ...],
        demo: DemoSettings,
        secrets: DemoSecrets,
        *,
        console: Console,
        log_files: LogFiles,
    ) -> None:
        self._services = services
        self._demo = demo
        self._secrets = secrets
        self._console = console
        self._log_files = log_files
        self._children: list[Child] = []
        self._prepared = Prepared(demo.folder / "prepared.json")
        self._is_stopping = False

    async def run(self) -> None:
        """
        Runs until a signal asks for the end; raises when the demo cannot go on by itself.
        """
        work = asyncio.create_task(self._work())
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number, work)
        try:
            await work
        except asyncio.CancelledError:
            self._console.say("Stopping (Ctrl-C again kills at once)")
        finally:
            await self.stop()

    def _on_signal(self, number: signal.Signals, work: asyncio.Task[None]) -> None:
        # make and the terminal may both pass a SIGTERM on; only a person presses Ctrl-C twice.
        if self._is_stopping and number is signal.SIGINT:
            self._send_all(signal.SIGKILL)
        self._is_stopping = True
        work.cancel()

    async def start(self) -> Sequence[Child]:
        """
        The services, prepared and ready; whoever starts them stops them, also when this raises.
        """
        await _together(self._prepare(service) for service in self._services)
        children = [await self._serve(service) for service in self._services]
        await self._wait_until_ready(children)
        return children

    async def _work(self) -> None:
        children = await self.start()
        self._console.say(tour(self._services, self._demo, self._secrets))
        pairs = zip(self._services, children, strict=True)
        await _together(self._keep_running(service, child) for service, child in pairs)

    async def _prepare(self, service: Service) -> None:
        if self._prepared.has(service.name, self._fingerprint(service)):
            return
        self._prepared.remember(service.name, None)
        for preparation in service.preparations:
            await self._prepare_by(service, preparation)
        self._prepared.remember(service.name, self._fingerprint(service))

    def _fingerprint(self, service: Service) -> str | None:
        demo = replace(self._demo, inherited={})
        variables = environment(service, self._services, demo, self._secrets, seeding=True)
        return fingerprint(service.sources, variables, service.database(demo))

    async def _prepare_by(self, service: Service, preparation: str) -> None:
        self._console.say(f"Preparing {service.name}: {preparation}")
        child = await self._start(service, preparation)
        try:
            async with asyncio.timeout(self._demo.prepared_within_s):
                code = await child.ended()
        except TimeoutError:
            within = f"{self._demo.prepared_within_s:g} s"
            raise _failed(child, f"{service.name}: {preparation} took over {within}") from None
        if code:
            raise _failed(child, f"{service.name}: {preparation} failed ({describe_end(code)})")

    async def _serve(self, service: Service) -> Child:
        return await self._start(service, "serve")

    async def _start(self, service: Service, command: str) -> Child:
        seeding = command in service.preparations
        child = await Child.start(
            service.name,
            [self._demo.python, *service.program, command],
            environment=environment(
                service, self._services, self._demo, self._secrets, seeding=seeding
            ),
            folder=self._demo.folder,
            on_line=partial(self._take_line, service.name),
        )
        self._children.append(child)
        return child

    def _take_line(self, name: str, line: bytes) -> None:
        self._log_files.write(name, line)
        self._console.line(name, line)

    async def _wait_until_ready(self, children: Sequence[Child]) -> None:
        within_s = self._demo.ready_within_s
        for service, child in zip(self._services, children, strict=True):
            try:
                async with asyncio.timeout(within_s):
                    await self._wait_for(service, children)
            except TimeoutError:
                raise _failed(
                    child, f"{service.name} was not ready within {within_s:g} s"
                ) from None

    async def _wait_for(self, service: Service, children: Sequence[Child]) -> None:
        while not await is_ready(self._demo.host, service.port(self._demo)):
            await _check_alive(children)
            await asyncio.sleep(_ASK_AGAIN_AFTER_S)

    async def _keep_running(self, service: Service, child: Child) -> None:
        """
        Starts the service again when it ends; each time later, and not for ever.
        """
        for restart in itertools.count(1):
            what = f"{service.name} has ended ({describe_end(await child.ended())})"
            if restart > self._demo.restarts:
                raise _failed(child, f"{what} and was restarted {self._demo.restarts} times")
            after_s = self._demo.first_restart_after_s * 2 ** (restart - 1)
            again = f"starting it again in {after_s:g} s ({restart} of {self._demo.restarts})"
            self._console.say(_with_last_lines(child, f"{what}, {again}"))
            await asyncio.sleep(after_s)
            self._children.remove(child)
            child = await self._serve(service)

    def _send_all(self, number: signal.Signals) -> None:
        for child in self._children:
            child.send(number)

    async def stop(self) -> None:
        """
        Ends whatever was started, within a bound.
        """
        self._is_stopping = True
        ends = [asyncio.create_task(child.ended()) for child in self._children]
        if not ends:
            return
        self._send_all(signal.SIGTERM)
        _, running = await asyncio.wait(ends, timeout=self._demo.stop_within_s)
        if running:
            self._console.say(f"Killing what did not stop within {self._demo.stop_within_s:g} s")
            self._send_all(signal.SIGKILL)
            await asyncio.wait(ends)


async def _together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """
    Runs all of them; the first problem ends the others and is raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None


async def _check_alive(children: Sequence[Child]) -> None:
    for child in children:
        if child.has_ended:
            code = await child.ended()
            raise _failed(child, f"{child.name} ended while starting ({describe_end(code)})")


def _failed(child: Child, what: str) -> DemoProblem:
    return DemoProblem(_with_last_lines(child, what))


def _with_last_lines(child: Child, what: str) -> str:
    if not child.last_lines:
        return f"{what}; it printed nothing."
    lines = "\n".join(f"    {line}" for line in child.last_lines)
    return f"{what}. Its last lines:\n{lines}"

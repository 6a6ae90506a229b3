"""
Stops the service once, with all kinds of clients connected, and notes what each of them sees.

One process can be stopped only once, so the checks of the drain share what is noted here.
"""

import asyncio
import os
import signal
import subprocess
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from servicekit.conformance.description import JSON
from servicekit.conformance.subject import Subject, unknown_path
from servicekit.conformance.target import Stoppable, Target
from servicekit.conformance.verdicts import NotApplicable
from servicekit.conformance.wire import Answer, Connection, NoAnswer

_PAUSE_S: Final = 0.02
#: A service that is told to stop says so within this time.
_NOTICE_S: Final = 5.0
#: Who does not wait for the other half of a request says so within this time.
_REFUSAL_S: Final = 0.3
#: The part of the delay in which new clients come; the rest is left for slow machines.
_LOOKED_AT: Final = 0.6
_HALF: Final = b'{"conformance": '
_OTHER_HALF: Final = b"1}"


#: An answer, or what happened instead of one.
Seen = Answer | str


@dataclass(frozen=True, slots=True)
class Ending:
    """
    What was seen from the signal to the end.

    - ``ready``: the first answer of ``/health/ready`` after the signal that was not 200,
      or the last one where they all were.
    - ``newcomer``: what new clients got after that; None where there is no delay to come in.
    - ``in_flight``: the answer to a request whose second half was sent once the service had
      stopped accepting; ``in_flight_gap`` says why none was sent.
    - ``took_s``: from the signal to the end of the process; None where it did not end.
    """

    ready: Seen
    newcomer: Seen | None
    in_flight: Seen | None
    in_flight_gap: str | None
    took_s: float | None
    exit_code: int | None


class ProcessById:
    """
    A process that is known by its number only.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def signal(self, signal_: signal.Signals) -> None:
        """
        Send a signal.
        """
        os.kill(self._pid, signal_)

    async def ended(self, within_s: float) -> int | None:
        """
        The exit code, where the process is a child of ours; None where it is not.
        """
        async with asyncio.timeout(within_s):
            while self._is_there():  # noqa: ASYNC110 - nobody tells of the end of another's child
                await asyncio.sleep(_PAUSE_S)
        return self._exit_code()

    def _is_there(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return self._exit_code() is None

    def _exit_code(self) -> int | None:
        try:
            # WNOWAIT: the code is left for whoever started the process.
            ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def process_of(target: Target) -> Stoppable:
    """
    The process to stop; raises NotApplicable where the suite was told of none.
    """
    if target.process is not None:
        return target.process
    if target.pid is None:
        raise NotApplicable("no process to stop: give its id (Target(pid=...), --pid)")
    return ProcessById(target.pid)


async def observe(subject: Subject) -> Ending:
    """
    Stop the service and watch it end.
    """
    process = process_of(subject.target)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        await _settle_idle_clients(subject, stack)
        half_sent = await _begin_request(subject, stack)
        began_at = loop.time()
        process.signal(signal.SIGTERM)
        ready = await _until_not_ready(subject)
        newcomer = await _newcomers(subject, ready, since=began_at)
        await _until_refused(subject)
        in_flight = await _finish(half_sent, subject.target) if half_sent else None
        has_ended, exit_code = await _end_of(
            process, within_s=began_at + subject.target.stop_timeout_s - loop.time()
        )
        took_s = loop.time() - began_at if has_ended else None
    gap = None if half_sent else "no operation waits for a JSON body and lets the suite's caller in"
    return Ending(ready, newcomer, in_flight, gap, took_s, exit_code)


async def _settle_idle_clients(subject: Subject, stack: AsyncExitStack) -> None:
    """
    One client that keeps its connection after an answer, and one that has yet to ask.
    """
    asked = await stack.enter_async_context(subject.connected())
    await asked.send(subject.raw("GET", "/health/live"))
    await asked.receive()
    await stack.enter_async_context(subject.connected())


async def _begin_request(subject: Subject, stack: AsyncExitStack) -> Connection | None:
    """
    A connection with half a request whose other half the service waits for, if it has such.
    """
    headers = [("Content-Type", JSON), ("Content-Length", str(len(_HALF + _OTHER_HALF)))]
    if subject.target.token is not None:
        headers.append(("Authorization", f"Bearer {subject.target.token}"))
    for operation in (await subject.description()).readers:
        connection = await stack.enter_async_context(subject.connected())
        request = subject.raw(operation.method, operation.path(), headers=headers, body=_HALF)
        await connection.send(request)
        if not await connection.has_answer(within_s=_REFUSAL_S):
            return connection
    return None


async def _until_not_ready(subject: Subject) -> Seen:
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + _NOTICE_S
    while True:
        seen = await _ask(subject, "/health/ready")
        if isinstance(seen, str) or seen.status != 200 or loop.time() >= gives_up_at:
            return seen
        await asyncio.sleep(_PAUSE_S)


async def _newcomers(subject: Subject, ready: Seen, *, since: float) -> Seen | None:
    """
    What new clients get during the delay: the first answer that is no 404, or the last one.
    """
    delay_s = subject.target.drain_delay_s
    if delay_s <= 0 or isinstance(ready, str):
        return None
    loop = asyncio.get_running_loop()
    while True:
        seen = await _ask(subject, unknown_path())
        is_served = not isinstance(seen, str) and seen.status == 404
        if not is_served or loop.time() >= since + delay_s * _LOOKED_AT:
            return seen
        await asyncio.sleep(_PAUSE_S)


async def _until_refused(subject: Subject) -> None:
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + subject.target.drain_delay_s + _NOTICE_S
    while loop.time() < gives_up_at:
        if isinstance(await _ask(subject, "/health/live"), str):
            return
        await asyncio.sleep(_PAUSE_S)


async def _finish(half_sent: Connection, target: Target) -> Seen:
    try:
        await half_sent.send(_OTHER_HALF)
        return await half_sent.receive(within_s=max(1.0, target.drain_timeout_s))
    except NoAnswer as silence:
        return str(silence)


async def _end_of(process: Stoppable, *, within_s: float) -> tuple[bool, int | None]:
    try:
        return True, await process.ended(max(0.1, within_s))
    except (TimeoutError, subprocess.TimeoutExpired):
        return False, None


async def _ask(subject: Subject, path: str) -> Seen:
    try:
        return await subject.ask("GET", path)
    except NoAnswer as silence:
        return str(silence)

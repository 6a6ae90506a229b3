"""
The suite on services that run as processes: the whole of it, the drain, and the command line.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest
from sample_service import token

from servicekit.conformance import CHECKS, Check, Target, Unkept, checks, run
from servicekit.conformance.__main__ import main
from servicekit.conformance.ending import ProcessById
from servicekit.testing import ServedProcess, serve_process

pytestmark = pytest.mark.real_time

SUPPORT = Path(__file__).parents[1] / "support"
# The suite is told of a third of the delay: it has looked before the end, also on a busy machine.
DELAY_S = 1.5
TOLD_DELAY_S = 0.5
# Costs no time where all ends well, so that nothing is cut off for being slow.
TIMEOUT_S = 20.0
SHORT_TIMEOUT_S = 1.0
ENV = {
    "SERVICE_NAME": "model-service",
    "DRAIN_DELAY_SECONDS": str(DELAY_S),
    "DRAIN_TIMEOUT_SECONDS": str(TIMEOUT_S),
}
ENDING = checks(ends_service=True)


def model(*, is_warm: bool = True) -> AbstractAsyncContextManager[ServedProcess]:
    """
    The model service.
    """
    argv = [sys.executable, str(SUPPORT / "model_service.py"), "serve"]
    return serve_process(argv, ENV, is_warm=is_warm)


def sabotaged(fault: str) -> AbstractAsyncContextManager[ServedProcess]:
    """
    The model service that breaks the promise of the check ``fault``.
    """
    argv = [sys.executable, str(SUPPORT / "sabotaged_process.py"), "serve"]
    return serve_process(argv, {**ENV, "SABOTAGE": fault})


def target(process: ServedProcess, *, drain_timeout_s: float = TIMEOUT_S) -> Target:
    """
    The process as the suite is told of it.
    """
    return Target(
        process.url,
        token=token(scope="read write admin"),
        process=process,
        drain_delay_s=TOLD_DELAY_S,
        drain_timeout_s=drain_timeout_s,
    )


async def test_a_service_of_the_kit_conforms() -> None:
    """
    What create_service() and run() make keeps every promise, to the very end.
    """
    async with model(is_warm=False) as process:
        report = await run(target(process))

    assert report.is_conforming, str(report)
    assert len(report.of("passed")) == len(CHECKS)


@pytest.mark.parametrize("check", ENDING, ids=str)
async def test_a_bad_end_fails_its_check_alone(check: Check) -> None:
    """
    A process that ends badly in one way fails the check of that promise, with its mend text.
    """
    # The whole bound is waited for where the process never ends.
    bound_s = SHORT_TIMEOUT_S if check.name == "process-ends-in-time" else TIMEOUT_S

    async with sabotaged(check.name) as process:
        ending = target(process, drain_timeout_s=bound_s)
        report = await run(ending, only={other.name for other in ENDING})
        process.signal(signal.SIGKILL)

    assert {result.check.name for result in report.of("failed")} == {check.name}, str(report)
    assert check.mend in str(report)


async def test_each_check_of_the_end_can_be_a_test_of_its_own() -> None:
    """
    A check that stops the service shows what is wrong when it runs alone.
    """
    check = next(check for check in ENDING if check.name == "process-ends-with-zero")

    async with sabotaged(check.name) as process:
        with pytest.raises(Unkept, match="exit code 3"):
            await check.verify(target(process))


async def test_a_process_is_stopped_by_its_number() -> None:
    """
    Where only the number is known, the drain is looked at; the exit code of a stranger is not.
    """
    async with model() as process:
        known = Target(
            process.url, pid=process.pid, drain_delay_s=TOLD_DELAY_S, drain_timeout_s=TIMEOUT_S
        )
        report = await run(known, only={check.name for check in ENDING})

    assert not report.of("failed"), str(report)
    assert [r.check.name for r in report.of("not applicable")] == ["process-ends-with-zero"]


async def test_the_exit_code_of_a_child_is_known() -> None:
    """
    Of a process that we have started ourselves the number is enough, and its code stays there.
    """
    with sleeper("import signal; print(flush=True); signal.pause()") as child:
        known = ProcessById(child.pid)
        with pytest.raises(TimeoutError):
            await known.ended(0.01)
        known.signal(signal.SIGTERM)
        code = await known.ended(10)

        assert (code, child.wait()) == (-signal.SIGTERM, -signal.SIGTERM)


async def test_an_exit_with_a_code_is_told_from_a_signal() -> None:
    """
    The code is what the process returned.
    """
    with sleeper("print(flush=True); raise SystemExit(3)") as child:
        assert await ProcessById(child.pid).ended(10) == 3


@contextmanager
def sleeper(program: str) -> Iterator["subprocess.Popen[bytes]"]:
    """
    A child of ours that has begun to run ``program``.
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill()


async def test_the_command_line_tells_the_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Exit code 0 and a report for a service that conforms, which is stopped where its id is given.
    """
    monkeypatch.setenv("MODEL_TOKEN", token(scope="read write admin"))
    async with model() as process:
        arguments = [process.url, "--token-env", "MODEL_TOKEN", "--pid", str(process.pid)]
        delays = ["--drain-delay", str(TOLD_DELAY_S), "--drain-timeout", str(TIMEOUT_S)]
        code = await asyncio.to_thread(main, [*arguments, *delays])

    told = capsys.readouterr().out
    assert code == 0, told
    assert told.startswith(f"{process.url}: {len(CHECKS) - 1} passed, 1 not applicable\n")

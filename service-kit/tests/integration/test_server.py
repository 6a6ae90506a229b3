"""
How a service starts, drains and stops, as a process over a real port.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from servicekit.testing import ServedProcess, eventually, serve_process
from servicekit.testing.guarded import GuardedProcess, shared_lock
from servicekit.testing.programs import run_program

SAMPLE = [sys.executable, str(Path(__file__).parents[1] / "support" / "sample_process.py")]


@asynccontextmanager
async def sample(**env: str) -> AsyncIterator[tuple[ServedProcess, httpx.AsyncClient]]:
    """
    The sample process, and a client of it.
    """
    async with (
        serve_process([*SAMPLE, "serve"], {"SERVICE_NAME": "sample-service", **env}) as process,
        httpx.AsyncClient(base_url=process.url, timeout=20, verify=False) as client,
    ):
        yield process, client


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """
    The sample's command line, to its end.
    """
    env = {"SERVICE_NAME": "sample-service", **env}
    return run_program([*SAMPLE, *arguments], env, Path.cwd())


async def test_sigterm_drains_then_ends() -> None:
    """
    After SIGTERM the service is not ready at once, still answers, and ends by itself with 0.
    """
    async with sample(DRAIN_DELAY_SECONDS="1") as (process, client):
        process.signal(signal.SIGTERM)
        await eventually(lambda: '"service.draining"' in process.log)
        probe = await client.get("/health/ready")
        answer = await client.get("/things/1")
        code = await process.ended()
        log = process.log

    assert (probe.status_code, probe.json()["status"]) == (503, "draining")
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert code == 0
    assert '"service.stopped"' in log


async def test_a_request_in_progress_is_finished() -> None:
    """
    Whoever was being served when the signal came gets the whole answer.
    """
    async with sample(DRAIN_DELAY_SECONDS="1") as (process, client):
        waiting = asyncio.create_task(client.get("/doors"))
        opening = asyncio.create_task(client.post("/open"))
        process.signal(signal.SIGTERM)
        answer, _ = await asyncio.gather(waiting, opening)
        code = await process.ended()

    assert (answer.status_code, answer.json(), code) == (200, "through", 0)


async def test_requests_that_never_end_are_cut_at_the_bound() -> None:
    """
    The wait for requests in progress is bounded; who is cut off is told so, and to come back.
    """
    async with sample(DRAIN_TIMEOUT_SECONDS="1") as (process, client):
        waiting = asyncio.create_task(client.post("/doors"))
        await eventually(lambda: _is_busy(process.url))
        process.signal(signal.SIGTERM)
        code = await process.ended(within_s=30)
        answer = await waiting

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert error["details"]["outcome"] == "unknown"
    assert (answer.headers["Retry-After"], answer.headers["Connection"]) == ("1", "close")
    assert answer.json()["request_id"] == answer.headers["X-Correlation-ID"]
    assert code == 0


async def _is_busy(url: str) -> bool:
    async with httpx.AsyncClient(verify=False, timeout=30) as other:
        metrics = (await other.get(f"{url}/health")).json()["metrics"]
    return bool(metrics["active_connections"] >= 2)


async def test_idle_connections_do_not_hold_up_the_end() -> None:
    """
    Clients that keep their connection open and ask nothing are not waited for.
    """
    async with sample() as (process, client):
        await client.get("/things/1")
        process.signal(signal.SIGTERM)
        code = await process.ended(within_s=15)

    assert code == 0


async def test_a_second_signal_ends_the_delay() -> None:
    """
    Whoever presses Ctrl-C again need not wait for the drain's delay.
    """
    async with sample(DRAIN_DELAY_SECONDS="60") as (process, _):
        process.signal(signal.SIGINT)
        await eventually(lambda: '"service.draining"' in process.log)
        process.signal(signal.SIGINT)
        code = await process.ended(within_s=30)

    assert code == 0


HANGING = """
import asyncio, os, signal, threading
import uvicorn
from servicekit.serving.lifecycle import Lifecycle
from servicekit.serving.server import DrainingServer

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    while not server.started:
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    await receive()
    threading.Event().wait()

config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=0)
server = DrainingServer(config, lifecycle=Lifecycle(), drain_delay_s=0, last_s=0.2)
server.run(sockets=[])
"""


def test_an_end_that_hangs_is_cut_short(tmp_path: Path) -> None:
    """
    Whatever an application's end waits for, even with the loop stopped, the process ends and tells why.
    """
    program = tmp_path / "hanging.py"
    program.write_text(HANGING)

    ended = run_program([sys.executable, str(program)], {}, tmp_path)

    assert ended.returncode == 1
    assert "service.stop_cut_short" in ended.stdout


async def test_a_start_that_waits_is_given_up_at_a_signal(tmp_path: Path, free_port: int) -> None:
    """
    SIGTERM before the service is ready ends it in order, whatever its start waits for.
    """
    log, lock = tmp_path / "log", tmp_path / "lock"
    log.touch()
    env = {"SERVICE_NAME": "sample", "SERVICE_PORT": str(free_port), "SAMPLE_DATABASE": "silent"}
    with shared_lock(lock):
        process = GuardedProcess(
            [*SAMPLE, "serve"], lock=lock, log=log, env={**os.environ, **env}, is_warm=True
        )
        try:
            await eventually(lambda: "sample.waiting" in log.read_text(), within_s=30)
            process.signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 10)
        finally:
            process.stop()

    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert code == 0
    assert events[-2:] == ["service.start_given_up", "sample.left"]


async def test_a_client_that_leaves_is_noted_and_harms_nobody() -> None:
    """
    A read whose client has left ends, is logged as 499, and the service goes on.
    """
    async with sample() as (process, client):
        port = int(process.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /doors HTTP/1.1\r\nHost: sample\r\n\r\n")
        await eventually(lambda: _is_busy(process.url))
        writer.close()
        await eventually(lambda: '"status":499' in process.log)
        answer = await client.get("/things/1")
        del reader

    assert answer.status_code == 200


async def test_half_an_answer_ends_in_a_broken_connection() -> None:
    """
    A failure after the answer has begun cannot be told; it must not look like the end.
    """
    async with sample() as (process, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/half")
        answer = await client.get("/things/1")
        log = process.log

    assert answer.status_code == 200
    assert "half an answer" in log


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_body_beyond_the_bound_is_refused(*, is_told: bool) -> None:
    """
    A body that is too long is refused with an answer that its sender can read.
    """

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 4096

    headers = {"Content-Type": "application/json"}
    if is_told:
        headers["Content-Length"] = str(100 * 4096)
    async with sample(MAX_BODY_BYTES="20000") as (_, client):
        answer = await client.post("/orders", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "INVALID_REQUEST")
    assert answer.headers["Connection"] == "close"


async def test_a_body_that_will_be_refused_is_not_asked_for() -> None:
    """
    Who asks whether to send a body that is too long is refused at once, and not told to go on.
    """
    async with sample(MAX_BODY_BYTES="20000") as (process, _):
        port = int(process.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /orders HTTP/1.1\r\nHost: sample\r\nContent-Length: 20001\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


async def test_a_body_without_end_is_not_read_to_the_end() -> None:
    """
    Whoever goes on sending regardless is cut off, and the service goes on.
    """
    n_sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal n_sent
        for _ in range(100_000):
            n_sent += 1
            yield b"x" * 65536

    async with sample(MAX_BODY_BYTES="20000") as (_, client):
        with suppress(httpx.TransportError):
            await client.post("/orders", content=body(), headers={"Content-Type": "text/json"})
        answer = await client.get("/things/1")

    assert n_sent < 10_000
    assert answer.status_code == 200


async def test_head_is_answered_without_a_body() -> None:
    """
    HEAD is served over a real connection, which stays open, and is logged as what it was.
    """
    async with sample() as (process, client):
        answers = [await client.head("/things/7") for _ in range(2)]
        await eventually(lambda: '"method":"HEAD"' in process.log)
        log = process.log

    assert [(a.status_code, a.headers["Content-Length"]) for a in answers] == [(200, "11")] * 2
    assert '"route":"/things/{thing_id}"' in log
    assert "Traceback" not in log


async def test_each_request_is_one_line() -> None:
    """
    The log tells method, template, status, duration, correlation id and kind of caller.
    """
    async with sample() as (process, client):
        await client.get(
            "/things/7?card=4111", headers={"X-Correlation-ID": "order-7", "X-Service-Name": "shop"}
        )
        await eventually(lambda: "order-7" in process.log)
        log = process.log

    (line,) = [json.loads(x) for x in log.splitlines() if "order-7" in x]
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/things/{thing_id}", 200)
    assert (line["principal"], line["service"]) == ("anonymous", "sample-service")
    assert line["caller"] == "shop"
    assert line["duration_ms"] > 0
    assert "4111" not in log


def test_a_refused_start_is_one_line() -> None:
    """
    A start without what the service needs ends with one line of log and no traceback.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    result = run("serve", SAMPLE_DATABASE="gone", SERVICE_PORT=str(port))

    (line,) = result.stdout.splitlines()
    assert json.loads(line)["event"] == "service.start_refused"
    assert "Traceback" not in result.stdout + result.stderr
    assert result.returncode == 3


def test_a_port_in_use_is_one_line() -> None:
    """
    A port that somebody has is told, and nothing is left running.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = run("serve", SERVICE_PORT=str(port))

    assert result.returncode != 0
    assert f"127.0.0.1:{port} is in use" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_wrong_setting_is_one_line() -> None:
    """
    A wrong value stops the start with one line and exit code 2.
    """
    result = run("serve", SERVICE_PORT="eighty")

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("sample_process: SERVICE_PORT: ")
    assert result.stderr.count("\n") == 1


def test_a_service_adds_commands_of_its_own() -> None:
    """
    A service's own command runs with its settings and gives the exit code.
    """
    result = run("greet")

    assert (result.stdout, result.returncode) == ("hello from sample-service\n", 7)


def test_help_lists_every_command() -> None:
    """
    ``--help`` tells what can be done.
    """
    result = run("--help")

    for command in ("serve", "migrate", "revision", "settings", "greet"):
        assert command in result.stdout


def test_settings_are_printed_as_an_example() -> None:
    """
    ``settings`` prints what ``.env.example`` holds.
    """
    assert "#SERVICE_PORT=8000" in run("settings").stdout

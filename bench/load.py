"""
Programs under load: each pinned to a core of its own where the system can, driven by wrk.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servicekit.testing.polling import unused_port

#: The program under test has a core for itself; load, databases and whatever else share the other.
TESTED_CORE, OTHER_CORE = 0, 1
CONNECTIONS = 32
_READY_WITHIN_S = 30


class WrkMissing(SystemExit):
    """
    The load cannot be made.
    """

    def __init__(self) -> None:
        super().__init__("these measurements need wrk: install it (Debian: apt-get install wrk)")


@dataclass(frozen=True, slots=True)
class Load:
    """
    What one run of wrk has seen.
    """

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Program:
    """
    A program that runs and answers.
    """

    url: str
    pid: int


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """
    What is started inside stays on ``core``, where the machine has several and lets us choose.
    """
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def served(module: str, environment: Mapping[str, str]) -> Iterator[str]:
    """
    A service as a process on the tested core, logging to /dev/null; yields its address.
    """
    with started([sys.executable, "-m", module, "serve"], environment) as program:
        yield program.url


@contextmanager
def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    core: int = TESTED_CORE,
    ready: str = "/health/ready",
) -> Iterator[Program]:
    """
    A program on its core, once it answers ``ready``; it is told its port by SERVICE_PORT.
    """
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with on_core(core):
        process = subprocess.Popen(
            command,
            env={**os.environ, "LOG_FORMAT": "json", **environment, "SERVICE_PORT": str(port)},
            stdout=subprocess.DEVNULL,
        )
    try:
        _wait_until_ready(process, url + ready)
        yield Program(url, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    ends_at = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < ends_at:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit("the service did not become ready")


def loaded(
    url: str, *, seconds: float, script: str | None = None, connections: int = CONNECTIONS
) -> Load:
    """
    Ask for ``url`` as fast as it answers; any answer but 2xx ends the measurement.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise WrkMissing
    command = [wrk, "--latency", "--timeout", "10s", "-t1", f"-c{connections}", f"-d{seconds:.0f}s"]
    with tempfile.TemporaryDirectory() as folder:
        if script is not None:
            lua = Path(folder, "script.lua")
            lua.write_text(script)
            command += ["-s", str(lua)]
        with on_core(OTHER_CORE):
            done = subprocess.run([*command, url], check=True, capture_output=True, text=True)
    if any(sign in done.stdout for sign in ("Non-2xx", "Socket errors", "\n  0 requests")):
        raise SystemExit(f"{url} did not answer as it should:\n{done.stdout}")
    return Load(
        requests=int(_found(r"^ +(\d+) requests in", done.stdout)),
        requests_per_s=float(_found(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        p50_ms=_milliseconds(_found(r"^ +50% +(\S+)", done.stdout)),
        p99_ms=_milliseconds(_found(r"^ +99% +(\S+)", done.stdout)),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise SystemExit(f"wrk said something else than expected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    number, unit = _found(r"^([\d.]+)[a-z]+$", text), _found(r"^[\d.]+(us|ms|s|m)$", text)
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]

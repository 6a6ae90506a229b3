"""
No check is toothless: for each there is a service that breaks its promise, and it tells.

That the same service passes where nobody breaks it stands in ``test_conformance_process``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from model_service import create_app
from sabotage import Proxy
from saboteurs import ALONG, APPLICATION, PROCESS, WIRE
from sample_service import settings, token
from starlette.types import ASGIApp

from servicekit.conformance import CHECKS, Check, Target, checks, run
from servicekit.testing import serve

pytestmark = pytest.mark.real_time

RUNNING = checks(ends_service=False)


def topic_of(check: Check) -> frozenset[str]:
    """
    The checks that stand in the same module: a saboteur is to spoil one of them only.
    """
    return frozenset(c.name for c in RUNNING if c.run.__module__ == check.run.__module__)


def target(base_url: str) -> Target:
    """
    The model service as the suite is told of it.
    """
    return Target(base_url, token=token(scope="read write admin"), max_body_bytes=4096)


def model() -> ASGIApp:
    """
    A service that keeps every promise.
    """
    return create_app(settings(max_body_bytes=4096))


@asynccontextmanager
async def sabotaged(check: Check) -> AsyncIterator[str]:
    """
    The model service with the promise of ``check`` broken.
    """
    if check.name in APPLICATION:
        async with serve(APPLICATION[check.name](model())) as url:
            yield url
        return
    async with serve(model()) as url:
        proxy = Proxy(int(url.rpartition(":")[2]), WIRE[check.name])
        async with proxy.running() as proxied:
            yield proxied


def test_every_check_has_a_saboteur() -> None:
    """
    No check goes without proof that it can fail, and no saboteur is left over.
    """
    assert {check.name for check in RUNNING} == APPLICATION.keys() | WIRE.keys()
    assert {check.name for check in checks(ends_service=True)} == PROCESS
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", RUNNING, ids=str)
async def test_a_broken_promise_fails_its_check_alone(check: Check) -> None:
    """
    A service that breaks one promise fails the check of that promise, with its mend text.
    """
    async with sabotaged(check) as url:
        report = await run(target(url), only=topic_of(check))

    failed = {result.check.name for result in report.of("failed")}
    assert failed == {check.name} | ALONG.get(check.name, frozenset()), str(report)
    assert check.mend in str(report)
    assert not report.is_conforming

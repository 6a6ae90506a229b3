"""
How the suite is told what to look at, and how it tells what it found.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI, params
from model_service import create_app
from sabotage import Reply, answers, error
from sample_service import settings
from starlette.types import Receive, Scope, Send

from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier, requires
from servicekit.conformance import (
    CHECKS,
    Check,
    Skipped,
    Target,
    Unkept,
    UnknownCheck,
    Unreachable,
    checks,
    run,
)
from servicekit.conformance.__main__ import main
from servicekit.testing import serve

pytestmark = pytest.mark.real_time


def named(name: str) -> Check:
    """
    The check of this name.
    """
    return next(check for check in CHECKS if check.name == name)


def bare() -> FastAPI:
    """
    A service that has nothing of its own.
    """
    chosen = settings()
    verifier = TokenVerifier.hs256("x" * 32, issuer="i", audience="a")
    return create_service(chosen, title="Bare", description="Nothing.", verifier=verifier)


@asynccontextmanager
async def dumb() -> AsyncIterator[str]:
    """
    A service that answers everything with a bare 200, as if it were written by nobody we know.
    """

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})

    async with serve(app) as url:
        yield url


async def test_nothing_is_hidden() -> None:
    """
    The report names every check, also those that did not run, and says why they did not.
    """
    async with serve(bare()) as url:
        report = await run(Target(url))

    assert [result.check for result in report.results] == list(CHECKS)
    assert report.is_conforming, str(report)
    assert all(result.reason for result in report.of("not applicable"))
    for result in report.of("not applicable"):
        assert f"  {result.check.name}: {result.reason}" in str(report)


async def test_what_was_not_chosen_is_counted() -> None:
    """
    A report on a few checks does not look like one on all.
    """
    async with serve(bare()) as url:
        report = await run(Target(url), only={"live-answers"})

    assert str(report).splitlines()[0] == f"{url}: 1 passed, {len(CHECKS) - 1} not chosen"


async def test_a_report_without_a_check_that_passed_is_no_good_news() -> None:
    """
    Where nothing could be looked at, nothing is said to conform.
    """
    async with serve(bare()) as url:
        report = await run(Target(url), only={"malformed-json-is-400"})

    assert [result.outcome for result in report.results if result.reason] == ["not applicable"]
    assert not report.is_conforming


async def test_a_stranger_fails_without_stopping_the_suite() -> None:
    """
    Every check copes with a service that does nothing right.
    """
    async with dumb() as url:
        report = await run(Target(url))

    assert not report.is_conforming
    assert {r.check.name for r in report.of("passed")} <= {
        "no-input-crashes-it",
        "abandoned-requests-do-no-harm",
        "ambiguous-lengths-are-refused",
        "bad-http-does-no-harm",
        "endless-headers-are-cut-off",
        "probes-are-open-to-everybody",
        "slow-clients-do-no-harm",
    }


async def test_a_check_is_a_test_that_explains_itself() -> None:
    """
    As a test, a check fails with what was seen, what was expected and how to mend it.
    """
    check = named("live-answers")
    spoil = answers(lambda _, reply: Reply(503, reply.headers, reply.body))

    async with serve(spoil(create_app(settings()))) as url:
        with pytest.raises(Unkept) as failure:
            await check.verify(Target(url))

    for part in (check.name, check.promise, check.mend, "/health/live answers 503", "alive"):
        assert part in str(failure.value)


async def test_a_check_that_does_not_apply_is_skipped() -> None:
    """
    Pytest shows it as skipped, with the reason.
    """
    async with serve(bare()) as url:
        with pytest.raises(Skipped, match="no operation is described"):
            await named("malformed-json-is-400").verify(Target(url))


async def test_a_check_is_bounded() -> None:
    """
    A service that lets a check wait fails it; the suite goes on.
    """
    async with serve(create_app(settings())) as url:
        with pytest.raises(Unkept, match="not through after 0 s"):
            await named("live-answers").verify(Target(url, check_timeout_s=0))


def test_every_check_says_what_it_wants() -> None:
    """
    Names are in kebab-case; promises are sentences; every check says what to add.
    """
    for check in CHECKS:
        assert check.name == check.name.lower().replace("_", "-")
        assert check.promise.endswith(".")
        assert check.mend.endswith(".")


def test_checks_can_be_chosen_by_whether_they_end_the_service() -> None:
    """
    Those that stop it and those that do not are all there are.
    """
    assert {*checks()} == {*checks(ends_service=True), *checks(ends_service=False)}
    assert not {*checks(ends_service=True)} & {*checks(ends_service=False)}


async def test_a_dead_address_is_told_at_once() -> None:
    """
    Where nobody answers, one line says so.
    """
    with pytest.raises(Unreachable, match=r"^http://127\.0\.0\.1:1 is not reachable: .*refused"):
        await run(Target("http://127.0.0.1:1"))


async def test_an_unknown_check_is_told() -> None:
    """
    A name that no check has is a mistake, and not a check that passes.
    """
    with pytest.raises(UnknownCheck, match="no check named tea"):
        await run(Target("http://127.0.0.1:1"), only={"tea"})


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["http://127.0.0.1:1"], "conformance: http://127.0.0.1:1 is not reachable: "),
        (["127.0.0.1:8000"], "conformance: '127.0.0.1:8000' is no address such as "),
        (["http://127.0.0.1:1", "--only", "tea"], "conformance: there is no check named tea; "),
    ],
)
def test_the_command_line_fails_in_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What cannot be looked at is one line and exit code 1.
    """
    code = main(arguments)

    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    assert told.err.startswith(line)
    assert told.err.count("\n") == 1


def test_the_command_line_lists_the_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``--list`` needs no service.
    """
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CHECKS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [([], "address"), (["http://127.0.0.1:1", "--token-env", "NO_SUCH_TOKEN"], "NO_SUCH_TOKEN")],
)
def test_wrong_usage_is_told(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What is missing on the command line is named.
    """
    with pytest.raises(SystemExit):
        main(arguments)

    assert complaint in capsys.readouterr().err


def squares(access: params.Depends) -> FastAPI:
    """
    A service without public bodies, whose one read takes a number.
    """
    routes = APIRouter()

    @routes.get("/squares/{number}", dependencies=[access], summary="A square")
    async def square(number: int) -> int:
        return number * number

    @routes.post("/secrets", dependencies=[requires("admin")], summary="Tell a secret")
    async def tell(secret: dict[str, str]) -> None:
        del secret

    return create_service(
        settings(),
        title="Squares",
        description="Numbers.",
        verifier=TokenVerifier.hs256("x" * 32, issuer="i", audience="a"),
        routers=[routes],
    )


@pytest.mark.parametrize(
    ("access", "outcome"), [(PUBLIC, "passed"), (requires("write"), "not applicable")]
)
async def test_a_wrong_value_may_stand_in_the_address(access: params.Depends, outcome: str) -> None:
    """
    Where no body can be sent, parameters are looked at; where nobody is let in, nothing is found.
    """
    check = named("wrong-values-are-422")

    async with serve(squares(access)) as url:
        report = await run(Target(url), only={check.name})

    (result,) = [result for result in report.results if result.check == check]
    assert result.outcome == outcome, str(report)


async def test_a_token_that_opens_nothing_is_not_tried() -> None:
    """
    A good token needs something to read that lies behind one.
    """
    check = named("a-good-token-is-accepted")

    async with serve(squares(PUBLIC)) as url:
        with pytest.raises(Skipped, match="nothing that is only read lies behind a token"):
            await check.verify(Target(url, token="a.b.c"))


async def test_a_stranger_may_be_forbidden() -> None:
    """
    403 in our shape refuses a stranger as well as 401.
    """
    forbid = answers(lambda _, reply: error(403, "FORBIDDEN") if reply.status == 401 else reply)

    async with serve(forbid(squares(PUBLIC))) as url:
        await named("closed-operations-refuse-strangers").verify(Target(url))


async def test_a_service_that_lacks_its_keys_lets_nobody_in() -> None:
    """
    503 is as good a refusal of a forged token as 401 where the keys are not at hand.
    """
    keyless = answers(
        lambda _, reply: error(503, "SERVICE_UNAVAILABLE") if reply.status == 401 else reply
    )

    async with serve(keyless(create_app(settings()))) as url:
        await named("forged-tokens-are-refused").verify(Target(url))

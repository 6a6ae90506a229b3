"""
How a service comes by its own token, and keeps one.
"""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from servicekit.auth import ServiceToken
from servicekit.auth.service_token import _issued
from servicekit.errors import ServiceUnavailable, UpstreamFailed
from servicekit.testing.clock import FakeClock


class Identity:
    """
    Issues tokens that live for 100 s; it can be away, and it can be slow.
    """

    def __init__(self) -> None:
        self.issued = 0
        self.is_away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> bytes:
        await self.may_answer.wait()
        if self.is_away:
            raise UpstreamFailed("identity")
        self.issued += 1
        return json.dumps(
            {"access_token": f"secret-{self.issued}", "token_type": "Bearer", "expires_in": 100}
        ).encode()


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def token(identity: Identity, clock: FakeClock) -> ServiceToken:
    return ServiceToken(identity, now=clock.monotonic)


async def background(token: ServiceToken) -> None:
    """
    Let a renewal that was begun run to its end.
    """
    await token._renewal.attempt(at_most_every_s=float("inf"))


async def test_a_token_is_used_again(
    token: ServiceToken, identity: Identity, clock: FakeClock
) -> None:
    """
    One token serves every call until 80 % of its life are over.
    """
    assert await token() == "Bearer secret-1"
    clock.advance(79)

    assert await token() == "Bearer secret-1"
    await background(token)
    assert identity.issued == 1


async def test_concurrent_calls_share_one_fetch(token: ServiceToken, identity: Identity) -> None:
    """
    However many calls start at once, one token is asked for.
    """
    assert set(await asyncio.gather(*(token() for _ in range(50)))) == {"Bearer secret-1"}
    assert identity.issued == 1


async def test_a_token_is_renewed_beside_a_call(token: ServiceToken, clock: FakeClock) -> None:
    """
    After 80 % of its life a call still goes out with the old token, and the next is fetched.
    """
    await token()
    clock.advance(80)

    assert await token() == "Bearer secret-1"
    await background(token)

    assert await token() == "Bearer secret-2"


async def test_the_old_token_serves_while_identity_is_away(
    token: ServiceToken, identity: Identity, clock: FakeClock
) -> None:
    """
    A token is used while it is good, then calls fail as unavailable, and recover.
    """
    await token()
    identity.is_away = True
    for age_s in (80, 90, 94):
        clock.advance(1_000.0 + age_s - clock.monotonic())
        assert await token() == "Bearer secret-1"
        await background(token)

    clock.advance(1)
    with pytest.raises(ServiceUnavailable):
        await token()

    identity.is_away = False
    clock.advance(30)
    assert await token() == "Bearer secret-2"


async def test_a_leaving_call_does_not_end_the_fetch(
    token: ServiceToken, identity: Identity
) -> None:
    """
    The call that started a fetch can be cancelled; the others still get the token.
    """
    identity.may_answer.clear()
    first = asyncio.create_task(token())
    await asyncio.sleep(0)
    second = asyncio.create_task(token())
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    identity.may_answer.set()

    assert await second == "Bearer secret-1"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        {"access_token": "hush hush", "token_type": "Bearer", "expires_in": 100},
        {"access_token": "hush\r\nX-Evil: 1", "token_type": "Bearer", "expires_in": 100},
        {"access_token": "hush", "token_type": "mac", "expires_in": 100},
        {"access_token": "hush", "token_type": "Bearer", "expires_in": 0},
        {"access_token": "hush", "token_type": "Bearer"},
    ],
)
async def test_an_answer_without_a_usable_token_is_a_failure_that_shows_nothing(
    clock: FakeClock, answer: bytes | dict[str, object]
) -> None:
    """
    A malformed answer makes the call unavailable, and neither log nor error quotes it.
    """

    async def fetch() -> bytes | dict[str, object]:
        return answer

    with capture_logs() as logs, pytest.raises(ServiceUnavailable) as caught:
        await ServiceToken(fetch, now=clock.monotonic)()

    assert "hush" not in f"{logs}{caught.value.message}{caught.value.details}"


async def test_a_short_lived_token_is_used_for_half_its_life(clock: FakeClock) -> None:
    """
    A token that lives for a few seconds can still be used.
    """

    async def fetch() -> dict[str, object]:
        return {"access_token": "short", "token_type": "bearer", "expires_in": 4}

    token = ServiceToken(fetch, now=clock.monotonic)
    await token()
    clock.advance(1.9)

    assert await token() == "Bearer short"
    await token.aclose()


def test_a_token_is_not_shown() -> None:
    """
    Printing what was issued does not print the token.
    """
    issued = _issued({"access_token": "hush", "token_type": "Bearer", "expires_in": 1})

    assert "hush" not in repr(issued)

"""
Sign-ins that fail too often have to wait, and nobody is kept out for good.
"""

import asyncio
from typing import Any, cast

import httpx
from running_identity import (
    GATEWAY,
    PASSWORDS,
    RunningIdentity,
    running_identity,
    settings_for,
)
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from identity.main import create_app
from identity.passwords import HashCost
from servicekit.testing.clock import FakeClock
from servicekit.testing.serving import serve

WRONG = "not the password"


async def fail(identity: RunningIdentity, name: str, times: int) -> list[int]:
    """
    The statuses of that many wrong sign-ins, one after the other.
    """
    return [(await identity.password(name, WRONG)).status_code for _ in range(times)]


async def test_failures_make_an_account_wait(identity: RunningIdentity) -> None:
    """
    After five failures even the right password waits, and is good afterwards.
    """
    assert await fail(identity, "shopper", 5) == [401] * 5

    locked = await identity.password("shopper")
    identity.clock.advance(1)
    after = await identity.password("shopper")

    assert locked.status_code == 429
    assert locked.json()["error"]["code"] == "RATE_LIMIT"
    assert locked.headers["retry-after"] == "1"
    assert after.status_code == 200


async def test_unknown_accounts_wait_as_well(identity: RunningIdentity) -> None:
    """
    The pauses do not tell whether an account exists.
    """
    known, unknown = await fail(identity, "shopper", 7), await fail(identity, "nobody", 7)

    assert known == unknown == [401] * 5 + [429] * 2


async def test_pauses_double_up_to_a_bound(identity: RunningIdentity) -> None:
    """
    Each further failure doubles the pause; it never exceeds five minutes.
    """
    await fail(identity, "shopper", 5)
    pauses = []
    for _ in range(12):
        refused = await identity.password("shopper", WRONG)
        pauses.append(int(refused.headers["retry-after"]))
        identity.clock.advance(pauses[-1])
        await fail(identity, "shopper", 1)

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def test_success_clears_the_account(identity: RunningIdentity) -> None:
    """
    After a success failures count from one again.
    """
    await fail(identity, "shopper", 4)
    await identity.sign_in("shopper")

    assert await fail(identity, "shopper", 6) == [401] * 5 + [429]


async def test_failures_are_forgotten_after_the_window(identity: RunningIdentity) -> None:
    """
    A quarter of an hour after the last failure the account is clean.
    """
    await fail(identity, "shopper", 4)
    identity.clock.advance(900)

    assert await fail(identity, "shopper", 5) == [401] * 5


async def test_success_does_not_clear_the_address(seeded_url: str, clock: FakeClock) -> None:
    """
    Who owns an account cannot use it to go on guessing at others from the same address.
    """
    settings = settings_for(seeded_url, sign_in_address_failures=6)
    async with running_identity(settings, clock) as identity:
        for number in range(5):
            await fail(identity, f"nobody{number}", 1)
        await identity.sign_in("merchant")
        last = await fail(identity, "nobody5", 1)
        other = await identity.password("shopper")

    assert last == [401]
    assert other.status_code == 429


async def test_replicas_share_the_counters(seeded_url: str, clock: FakeClock) -> None:
    """
    Failures at one replica count at the other.
    """
    settings = settings_for(seeded_url)
    async with (
        running_identity(settings, clock) as one,
        running_identity(settings, clock) as other,
    ):
        await fail(one, "shopper", 3)

        assert await fail(other, "shopper", 3) == [401, 401, 429]


async def test_services_wait_as_well(identity: RunningIdentity) -> None:
    """
    Guessing a client's secret is throttled like guessing a password.
    """
    statuses = [
        (await identity.token(grant_type="client_credentials", auth=("reports", "x"))).status_code
        for _ in range(6)
    ]

    assert statuses == [401] * 5 + [429]
    assert (await identity.token(grant_type="client_credentials", auth=GATEWAY)).status_code == 200


async def test_guesses_at_the_same_moment_stay_bounded(identity: RunningIdentity) -> None:
    """
    Once a failure counts, concurrent guesses cannot all slip in before it is five.
    """
    await fail(identity, "shopper", 1)
    answers = await asyncio.gather(*(identity.password("shopper", WRONG) for _ in range(20)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 4 + [429] * 16


async def test_right_passwords_at_the_same_moment_all_pass(identity: RunningIdentity) -> None:
    """
    Many sign-ins of one user at once are no attack.
    """
    answers = await asyncio.gather(*(identity.password("shopper") for _ in range(15)))

    assert {answer.status_code for answer in answers} == {200}


async def test_a_crowd_cannot_lock_out_the_owner(seeded_url: str, clock: FakeClock) -> None:
    """
    Who has signed in from an address before is not kept waiting there for what others do.
    """
    app = create_app(settings_for(seeded_url), now=clock.now, hash_cost=HashCost(64, 1, 1))
    # As the server puts it there when TRUSTED_PROXIES names the loopback.
    proxied: Any = ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=["127.0.0.1"])
    async with serve(proxied) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:

        async def sign_in(password: str, address: str) -> int:
            form = {"grant_type": "password", "username": "shopper", "password": password}
            header = {"X-Forwarded-For": address}
            return (await http.post("/auth/token", data=form, headers=header)).status_code

        owner, right = "203.0.113.7", PASSWORDS["shopper"]
        assert await sign_in(right, owner) == 200
        crowd = [await sign_in(WRONG, f"198.51.100.{number}") for number in range(8)]
        assert crowd == [401] * 5 + [429] * 3

        assert await sign_in(right, "192.0.2.1") == 429
        assert await sign_in(right, owner) == 200
        # The owner's address is no free way in: there, failures count by themselves.
        assert [await sign_in(WRONG, owner) for _ in range(6)] == [401] * 5 + [429]


async def test_forwarded_addresses_of_strangers_are_not_believed(
    identity: RunningIdentity,
) -> None:
    """
    Without TRUSTED_PROXIES a caller cannot choose the address that it is counted under.
    """
    form = {"grant_type": "password", "username": "x", "password": WRONG}
    statuses = []
    for number in range(52):
        form["username"] = f"nobody{number}"
        header = {"X-Forwarded-For": f"203.0.113.{number}"}
        answer = await identity.http.post("/auth/token", data=form, headers=header)
        statuses.append(answer.status_code)

    assert statuses == [401] * 50 + [429] * 2

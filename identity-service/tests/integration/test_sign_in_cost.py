"""
What a sign-in costs: one hash, whoever signs in; and no more hashes at once than are allowed.
"""

import asyncio
from datetime import timedelta

import pytest
from running_identity import CHEAP, PASSWORDS, settings_for

from identity.errors import InvalidGrant, SignInThrottled
from identity.events import AuthEvents
from identity.passwords import HashCost, PasswordHashing, Verification
from identity.users.models import User
from identity.users.service import UserChange
from identity.users.sign_in import SignIn
from identity.wiring import Services, build_services
from servicekit.errors import Overloaded
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock


class CountingHashing(PasswordHashing):
    """
    Notes the cost of each hash that is checked.
    """

    def __init__(self, cost: HashCost) -> None:
        super().__init__(cost, threads=1, queue=50)
        self.costs: list[str] = []

    def _verify(self, password: str, encoded: str | None) -> Verification:
        against = encoded or self._nobodys_hash
        self.costs.append(against.rpartition("$")[0].rpartition("$")[0])
        return super()._verify(password, encoded)


class BusyHashing(PasswordHashing):
    """
    Has no place for another password.
    """

    async def verify(
        self,
        password: str,  # noqa: ARG002  # the signature of what it stands for
        encoded: str | None,  # noqa: ARG002  # as above
    ) -> Verification:
        """
        Refused.
        """
        raise Overloaded("the password check")


class StuckHashing(PasswordHashing):
    """
    Never comes to an end, and tells when it has begun.
    """

    def __init__(self, cost: HashCost) -> None:
        super().__init__(cost, threads=1, queue=0)
        self.has_begun = asyncio.Event()

    async def verify(
        self,
        password: str,  # noqa: ARG002  # the signature of what it stands for
        encoded: str | None,  # noqa: ARG002  # as above
    ) -> Verification:
        """
        Wait.
        """
        self.has_begun.set()
        return await asyncio.Future[Verification]()


def sign_in_with(services: Services, hashing: PasswordHashing) -> SignIn:
    """
    A sign-in that checks passwords by ``hashing``.
    """
    return SignIn(services.database, hashing, services.throttle, AuthEvents(Telemetry()))


async def test_every_outcome_costs_one_hash(seeded_url: str, clock: FakeClock) -> None:
    """
    A right and a wrong password, an unknown and a disabled account cost one hash of the same cost.
    """
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        hashing = CountingHashing(CHEAP)
        sign_in = sign_in_with(services, hashing)
        merchant = await services.users.find("merchant")
        assert merchant is not None
        await services.users.change(merchant.id, UserChange(is_disabled=True), by=None)

        await sign_in.check("shopper", PASSWORDS["shopper"], address=None)
        for name, password in (
            ("shopper", "not the password"),
            ("merchant", PASSWORDS["merchant"]),
            ("nobody", "not the password"),
            ("x" * 300, "not the password"),
        ):
            with pytest.raises(InvalidGrant):
                await sign_in.check(name, password, address=None)

        assert len(hashing.costs) == 5
        assert len(set(hashing.costs)) == 1
        await hashing.aclose()


async def test_a_hash_is_renewed_when_the_cost_changes(seeded_url: str, clock: FakeClock) -> None:
    """
    The first sign-in after a change of the cost hashes the password anew, and sign-ins go on.
    """
    dearer = HashCost(memory_kib=128, passes=1, lanes=1)
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=dearer)
    async with services.opened():

        async def check(_: int) -> User:
            return await services.sign_in.check("shopper", PASSWORDS["shopper"], address=None)

        before = await services.users.find("shopper")
        users = await asyncio.gather(*map(check, range(3)))
        after = await services.users.find("shopper")
        assert before is not None
        assert after is not None
        answers = [await services.tokens.for_user(user, scope=None, client=None) for user in users]

    assert "m=64" in before.password_hash
    assert "m=128" in after.password_hash
    assert len(answers) == 3


async def test_a_password_changed_meanwhile_gives_no_tokens(
    seeded_url: str, clock: FakeClock
) -> None:
    """
    A sign-in with a password that is replaced before its tokens are made comes to nothing.
    """
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        user = await services.sign_in.check("shopper", PASSWORDS["shopper"], address=None)
        clock.advance(1)
        await services.users.reset_password(user.id, None, by=None)
        with pytest.raises(InvalidGrant):
            await services.tokens.for_user(user, scope=None, client=None)

        await services.users.remove(user.id, by=None)
        with pytest.raises(InvalidGrant):
            await services.tokens.for_user(user, scope=None, client=None)


async def test_what_was_not_checked_does_not_count(seeded_url: str, clock: FakeClock) -> None:
    """
    A sign-in that is refused because too many are checked is no failure of its account.
    """
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        with pytest.raises(InvalidGrant):
            await services.sign_in.check("shopper", "not the password", address=None)
        busy = BusyHashing(CHEAP, threads=1, queue=0)
        for _ in range(10):
            with pytest.raises(Overloaded):
                await sign_in_with(services, busy).check("shopper", "x", address=None)
        await busy.aclose()

        await services.sign_in.check("shopper", PASSWORDS["shopper"], address=None)


async def test_a_guess_that_is_broken_off_counts(seeded_url: str, clock: FakeClock) -> None:
    """
    Whoever leaves before the answer, by a short deadline say, is throttled like others who fail.
    """
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        for _ in range(5):
            stuck = StuckHashing(CHEAP)
            guess = asyncio.create_task(
                sign_in_with(services, stuck).check("shopper", "x", address=None)
            )
            await asyncio.wait_for(stuck.has_begun.wait(), 30)
            guess.cancel()
            with pytest.raises(asyncio.CancelledError):
                await guess
            await stuck.aclose()

        with pytest.raises(SignInThrottled):
            await services.sign_in.check("shopper", PASSWORDS["shopper"], address=None)


async def test_what_has_ended_is_forgotten(seeded_url: str, clock: FakeClock) -> None:
    """
    Ended sign-ins, expired revocations and old counters go, and what is alive stays.
    """
    services = build_services(settings_for(seeded_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        user = await services.sign_in.check("shopper", PASSWORDS["shopper"], address=None)
        old = await services.tokens.for_user(user, scope=None, client=None)
        await services.revocation.revoke(old.access_token, client=None)
        with pytest.raises(InvalidGrant):
            await services.sign_in.check("nobody", "not the password", address=None)

        assert await services.revocation.forget_expired() == 0
        assert await services.throttle.forget_old() == 0
        clock.advance(timedelta(days=10).total_seconds())
        fresh = await services.tokens.for_user(user, scope=None, client=None)
        assert await services.revocation.forget_expired() == 2
        # The account's and the address's counters go, the trust in the owner's address stays.
        assert await services.throttle.forget_old() == 3

        assert fresh.refresh_token is not None
        await services.tokens.for_refresh_token(fresh.refresh_token, scope=None, client=None)

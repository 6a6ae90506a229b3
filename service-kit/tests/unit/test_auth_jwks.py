"""
How the identity service's keys are held, renewed and given up.
"""

import asyncio
import json
from collections.abc import Mapping

import pytest
from pydantic import JsonValue
from structlog.testing import capture_logs

from servicekit import correlation, deadline
from servicekit.auth import JwksKeys, TokenVerifier, UnknownKey
from servicekit.auth.jwks import keys_of
from servicekit.auth.renewal import Renewal
from servicekit.errors import AuthError, ServiceUnavailable, UpstreamFailed
from servicekit.testing.clock import FakeClock
from servicekit.testing.tokens import AUDIENCE, ISSUER, TokenIssuer


class Identity:
    """
    What the identity service publishes; it can be away, and it can be slow.
    """

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.issuers = list(issuers)
        self.is_away = False
        self.fetches = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> bytes:
        self.fetches += 1
        await self.may_answer.wait()
        if self.is_away:
            raise UpstreamFailed("identity")
        return json.dumps({"keys": [issuer.jwk for issuer in self.issuers]}).encode()


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer("key-1")


@pytest.fixture
def identity(issuer: TokenIssuer) -> Identity:
    return Identity(issuer)


@pytest.fixture
def keys(identity: Identity, clock: FakeClock) -> JwksKeys:
    return JwksKeys(identity, now=clock.monotonic)


async def background(keys: JwksKeys) -> None:
    """
    Let a renewal that was begun run to its end.
    """
    await keys._renewal.attempt(at_most_every_s=float("inf"))


async def test_keys_are_fetched_once(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    A key that is at hand and fresh costs no call.
    """
    assert await keys.key("key-1") == issuer.public_key

    clock.advance(299)
    assert await keys.key("key-1") == issuer.public_key

    assert identity.fetches == 1


async def test_concurrent_callers_share_one_fetch(keys: JwksKeys, identity: Identity) -> None:
    """
    However many ask at once, for known or unknown keys, the identity service is asked once.
    """
    identity.may_answer.clear()
    callers = [asyncio.create_task(keys.key("key-1")) for _ in range(50)]
    strangers = [asyncio.create_task(keys.key("key-x")) for _ in range(50)]
    await asyncio.sleep(0)

    identity.may_answer.set()
    found = await asyncio.gather(*callers)
    missed = await asyncio.gather(*strangers, return_exceptions=True)

    assert len(set(map(id, found))) == 1
    assert {type(error) for error in missed} == {UnknownKey}
    assert identity.fetches == 1


async def test_a_leaving_caller_does_not_end_the_fetch(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer
) -> None:
    """
    The caller that started a fetch can be cancelled; the others still get their key.
    """
    identity.may_answer.clear()
    first = asyncio.create_task(keys.key("key-1"))
    await asyncio.sleep(0)
    second = asyncio.create_task(keys.key("key-1"))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    identity.may_answer.set()

    assert first.cancelled()
    assert await second == issuer.public_key
    assert identity.fetches == 1


async def test_old_keys_are_renewed_beside_the_callers(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    Once keys are 300 s old a caller still gets its key at once, and the set is renewed.
    """
    await keys.key("key-1")
    identity.issuers.append(TokenIssuer("key-2"))
    identity.may_answer.clear()
    clock.advance(300)

    assert await keys.key("key-1") == issuer.public_key
    await asyncio.sleep(0)
    assert identity.fetches == 2

    identity.may_answer.set()
    await background(keys)
    assert await keys.key("key-2") == identity.issuers[1].public_key
    assert identity.fetches == 2


async def test_known_keys_serve_on_while_identity_is_away_until_their_bound(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    Keys serve for an hour without the identity service, then the answer is 503, and it recovers.
    """
    await keys.key("key-1")
    identity.is_away = True

    for age_s in (300, 900, 3599):
        clock.advance(1_000.0 + age_s - clock.monotonic())
        assert await keys.key("key-1") == issuer.public_key
        await background(keys)

    clock.advance(1)
    with pytest.raises(ServiceUnavailable) as caught:
        await keys.key("key-1")
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 30

    identity.is_away = False
    clock.advance(30)
    assert await keys.key("key-1") == issuer.public_key


async def test_a_first_fetch_that_fails_is_503_and_is_not_repeated_at_once(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    Without any key the answer is 503, and the pauses between the attempts grow to 30 s.
    """
    identity.is_away = True
    attempts = []
    for second in range(120):
        before = identity.fetches
        with pytest.raises(ServiceUnavailable):
            await keys.key("key-1")
        clock.advance(1)
        if identity.fetches > before:
            attempts.append(second)

    assert attempts == [0, 1, 3, 7, 15, 31, 61, 91]

    identity.is_away = False
    clock.advance(30)
    assert await keys.key("key-1") == issuer.public_key


async def test_made_up_key_ids_cannot_hammer_identity(
    keys: JwksKeys, identity: Identity, clock: FakeClock
) -> None:
    """
    Unknown key ids cause at most one fetch in 10 s.
    """
    for eighth in range(480):
        with pytest.raises(UnknownKey):
            await keys.key(f"made-up-{eighth}")
        clock.advance(0.125)

    assert identity.fetches == 6


async def test_a_new_key_is_picked_up_without_waiting_for_its_turn(
    keys: JwksKeys, identity: Identity, clock: FakeClock
) -> None:
    """
    The first token of a new key makes the set be fetched, though the old one is fresh.
    """
    await keys.key("key-1")
    new = TokenIssuer("key-2")
    identity.issuers.append(new)
    clock.advance(11)

    assert await keys.key("key-2") == new.public_key
    assert identity.fetches == 2


async def test_an_unknown_key_is_no_refusal_while_identity_is_away(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    Whether a key is new or made up cannot be told then: 503. Known keys are served.
    """
    await keys.key("key-1")
    identity.is_away = True
    clock.advance(11)

    with pytest.raises(ServiceUnavailable):
        await keys.key("key-2")

    assert await keys.key("key-1") == issuer.public_key


async def test_a_retired_key_stops_being_accepted(
    keys: JwksKeys, identity: Identity, clock: FakeClock
) -> None:
    """
    A key that a fetched set does not list any more is unknown from then on.
    """
    await keys.key("key-1")
    identity.issuers = [TokenIssuer("key-2")]
    clock.advance(300)
    await keys.key("key-1")
    await background(keys)

    with pytest.raises(UnknownKey):
        await keys.key("key-1")


async def test_a_retired_key_ends_tokens_that_were_accepted(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    A token that is remembered as good is refused once its key is retired.
    """
    verifier = TokenVerifier.eddsa(keys, issuer=ISSUER, audience=AUDIENCE)
    token = issuer.token()
    await verifier.verify(token)
    identity.issuers = []
    clock.advance(300)
    await verifier.verify(token)
    await background(keys)

    with pytest.raises(AuthError) as caught:
        await verifier.verify(token)

    assert caught.value.reason == "key_unknown"


async def test_remembered_tokens_end_when_the_keys_are_too_old(
    keys: JwksKeys, identity: Identity, issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    A remembered token does not outlive the bound on the age of the keys.
    """
    verifier = TokenVerifier.eddsa(keys, issuer=ISSUER, audience=AUDIENCE)
    token = issuer.token()
    await verifier.verify(token)
    identity.is_away = True
    clock.advance(3600)

    with pytest.raises(ServiceUnavailable):
        await verifier.verify(token)


async def test_the_fetch_has_the_ids_of_who_caused_it_and_not_its_deadline(
    issuer: TokenIssuer, clock: FakeClock
) -> None:
    """
    What all callers share is cut short by none of them, and is found in the trace of the first.
    """
    ids = correlation.new()
    seen: list[object] = []

    async def fetch() -> Mapping[str, object]:
        seen.append((deadline.remaining_s(), correlation.current()))
        return {"keys": [issuer.jwk]}

    with deadline.within(0.001), correlation.correlated(ids):
        await JwksKeys(fetch, now=clock.monotonic).key("key-1")

    assert seen == [(None, ids)]


async def test_closing_ends_a_fetch_in_progress(keys: JwksKeys, identity: Identity) -> None:
    """
    Nothing is left running; who still waits is told that the keys are not to be had.
    """
    await keys.aclose()
    identity.may_answer.clear()
    waiting = asyncio.create_task(keys.key("key-1"))
    await asyncio.sleep(0)

    await keys.aclose()

    with pytest.raises(ServiceUnavailable):
        await waiting


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b"\xff",
        {"keys": "none"},
        {"keys": [object()]},
    ],
)
async def test_a_malformed_set_keeps_the_known_keys(
    issuer: TokenIssuer, clock: FakeClock, document: bytes | Mapping[str, object]
) -> None:
    """
    What is no key set at all is a failed fetch: it retires nothing.
    """
    answers: list[bytes | Mapping[str, object]] = [{"keys": [issuer.jwk]}, document]

    async def fetch() -> bytes | Mapping[str, object]:
        return answers.pop(0)

    keys = JwksKeys(fetch, now=clock.monotonic)
    await keys.key("key-1")
    clock.advance(300)
    await keys.key("key-1")
    await background(keys)

    assert not answers
    assert await keys.key("key-1") == issuer.public_key


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256"},
        {"crv": "Ed448"},
        {"crv": "X25519"},
        {"use": "enc"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"kid": ""},
        {"kid": "k" * 65},
        {"kid": "a/b"},
        {"kid": 7},
        {"kid": None},
        {"x": ""},
        {"x": "AAAA"},
        {"x": 7},
        {"x": "é" * 43},
        {"d": "c2VjcmV0"},
    ],
)
async def test_an_entry_of_another_kind_is_passed_over(
    issuer: TokenIssuer, change: Mapping[str, JsonValue]
) -> None:
    """
    An entry that is no Ed25519 signature key does not count, and does not harm the others.
    """
    odd = {**TokenIssuer("odd").jwk, **change}

    with capture_logs() as logs:
        keys = keys_of({"keys": [odd, 7, None, [], issuer.jwk]})

    assert keys == {"key-1": issuer.public_key}
    assert [entry["ignored"] for entry in logs] == [4]


def test_optional_members_of_a_key_are_optional(issuer: TokenIssuer) -> None:
    """
    ``use`` and ``alg`` may be left out.
    """
    bare = {name: value for name, value in issuer.jwk.items() if name not in {"use", "alg"}}

    assert keys_of({"keys": [bare]}) == {"key-1": issuer.public_key}


def test_two_keys_of_one_name_are_both_passed_over(issuer: TokenIssuer) -> None:
    """
    A name that could mean either of two keys means none; the same key listed twice is fine.
    """
    namesakes = [TokenIssuer("key-2").jwk, TokenIssuer("key-2").jwk]

    keys = keys_of({"keys": [*namesakes, issuer.jwk, issuer.jwk]})

    assert keys == {"key-1": issuer.public_key}


async def test_the_age_counts_from_the_question(clock: FakeClock) -> None:
    """
    An answer may be as old as the request for it: a slow answer is not taken for a new one.
    """

    async def slow() -> str:
        clock.advance(4)
        return "keys"

    renewal = Renewal(slow, name="test", now=clock.monotonic)

    await renewal.attempt()

    assert (renewal.value, renewal.age_s) == ("keys", 4)


async def test_a_fetch_that_hangs_is_given_up(clock: FakeClock) -> None:
    """
    A fetch that never ends counts as failed, and the next may begin.
    """

    async def hang() -> int:
        await asyncio.Event().wait()
        raise AssertionError

    renewal = Renewal(hang, name="test", now=clock.monotonic, fetch_timeout_s=0)

    await renewal.attempt()

    assert renewal.value is None
    assert renewal.is_failing
    assert renewal.retry_after_s == 1


async def test_a_failure_is_logged_without_its_message(clock: FakeClock) -> None:
    """
    The log names the kind of failure only: a message may quote what was sent.
    """

    async def fail() -> int:
        raise RuntimeError("client_secret=hunter2")

    with capture_logs() as logs:
        await Renewal(fail, name="test", now=clock.monotonic).attempt()

    assert logs[0]["event"] == "auth.renewal_failed"
    assert logs[0]["error"] == "RuntimeError"
    assert "hunter2" not in str(logs)

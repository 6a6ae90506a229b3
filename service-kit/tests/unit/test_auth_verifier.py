"""
Which tokens are accepted, and for how long.
"""

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from jwt.exceptions import InvalidKeyError

from servicekit.auth import Principal, PublicKey, StaticKeys, TokenVerifier
from servicekit.auth.refusals import REASONS
from servicekit.auth.verifier import LEEWAY_S, MAX_TOKEN_CHARS
from servicekit.errors import AuthError, ServiceUnavailable
from servicekit.testing.tokens import (
    AUDIENCE,
    ISSUER,
    TokenIssuer,
    access_claims,
    encoded,
    hs256_token,
    signed,
)

NOW = 1_800_000_000.0
SECRET = b"a secret that is long enough: 32 bytes"


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> TokenIssuer:
    return TokenIssuer(now=clock)


@pytest.fixture
def keys(issuer: TokenIssuer) -> dict[str, PublicKey]:
    return {issuer.kid: issuer.public_key}


@pytest.fixture
def verifier(keys: dict[str, PublicKey], clock: Clock) -> TokenVerifier:
    return TokenVerifier.eddsa(StaticKeys(keys), issuer=ISSUER, audience=AUDIENCE, now=clock)


async def refusal(verifier: TokenVerifier, token: str) -> str | None:
    with pytest.raises(AuthError) as caught:
        await verifier.verify(token)
    assert caught.value.reason in REASONS
    return caught.value.reason


async def test_a_good_token_names_its_caller(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    """
    The principal is what the token's claims say.
    """
    token = issuer.token(
        sub="u-7",
        email="ada@example.org",
        roles=["merchant"],
        permissions=["stock:read"],
        scope="read write",
    )

    principal = await verifier.verify(token)

    assert principal == Principal(
        user_id="u-7",
        email="ada@example.org",
        roles=frozenset({"merchant"}),
        permissions=frozenset({"stock:read"}),
        scopes=frozenset({"read", "write"}),
        kind="user",
    )


async def test_a_service_token_makes_a_service(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    A client-credentials token makes its caller a service, named by its subject.
    """
    token = issuer.token(sub="gateway", kind="service", permissions=["stock:write"])

    principal = await verifier.verify(token)

    assert (principal.kind, principal.user_id) == ("service", "gateway")
    assert principal.permissions == {"stock:write"}


async def test_one_of_several_audiences_is_enough(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    A token may be meant for others too.
    """
    principal = await verifier.verify(issuer.token(aud=["elsewhere", AUDIENCE]))

    assert principal.user_id == "user-1"


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "sub", "jti", "kind"])
async def test_a_missing_claim_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, claim: str
) -> None:
    """
    Every claim that a decision rests on must be there.
    """
    assert await refusal(verifier, issuer.token(without=[claim])) == "claim_missing"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.test"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"aud": "elsewhere"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": AUDIENCE + "2"}, "audience"),
        ({"iat": NOW + 6}, "issued_in_future"),
        ({"nbf": NOW + 6}, "not_yet_valid"),
        ({"exp": NOW - 5}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": -1}, "claims"),
        ({"exp": "9999999999"}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": 1e300}, "claims"),
        ({"kind": "anonymous"}, "claims"),
        ({"kind": "root"}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 7}, "claims"),
        ({"sub": "u" * 256}, "claims"),
        ({"jti": ""}, "claims"),
        ({"aud": {"a": 1}}, "claims"),
        ({"scope": ["admin"]}, "claims"),
        ({"roles": "admin"}, "claims"),
        ({"permissions": [1]}, "claims"),
    ],
)
async def test_claims_that_do_not_hold_are_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, claims: dict[str, object], reason: str
) -> None:
    """
    A signed token still has to be by us, for us, good now, and of the right form.
    """
    token = signed(
        {"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid},
        json.dumps(access_claims(NOW) | claims).encode(),
        issuer.sign,
    )

    assert await refusal(verifier, token) == reason


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 5000])
async def test_a_number_that_is_no_moment_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, number: str
) -> None:
    """
    An expiry that is no number cannot make a token everlasting.
    """
    payload = json.dumps(access_claims(NOW) | {"exp": 123456}).replace("123456", number)
    token = signed(
        {"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid}, payload.encode(), issuer.sign
    )

    assert await refusal(verifier, token) in {"claims", "too_long"}


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 3000])
async def test_a_payload_that_is_no_object_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, payload: bytes
) -> None:
    """
    Whatever was signed, only a JSON object of claims is read.
    """
    token = signed({"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid}, payload, issuer.sign)

    assert await refusal(verifier, token) in {"claims", "malformed"}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"typ": "JWT"}, "type"),
        ({"typ": "rt+jwt"}, "type"),
        ({"typ": None}, "type"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "None"}, "algorithm"),
        ({"alg": ""}, "algorithm"),
        ({"alg": None}, "algorithm"),
        ({"alg": ["EdDSA"]}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "ES256"}, "algorithm"),
        ({"alg": "Ed448"}, "algorithm"),
        ({"crit": ["exp"], "exp": 1}, "malformed"),
        ({"crit": ["b64"], "b64": True}, "header"),
        ({"b64": False, "crit": ["b64"]}, "malformed"),
        ({"jwk": {"kty": "OKP"}}, "header"),
        ({"jku": "https://attacker.test/jwks"}, "header"),
        ({"x5u": "https://attacker.test/cert"}, "header"),
        ({"x5c": ["MIIB"]}, "header"),
        ({"zip": "DEF"}, "header"),
        ({"kid": 7}, "malformed"),
        ({"kid": ""}, "kid"),
        ({"kid": "../../etc/passwd"}, "kid"),
        ({"kid": "key-1\n"}, "kid"),
        ({"kid": "k" * 65}, "kid"),
        ({"kid": "key-2"}, "key_unknown"),
    ],
)
async def test_a_header_of_another_kind_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, header: dict[str, object], reason: str
) -> None:
    """
    One algorithm, one type of token, no key that the token brings along.
    """
    full = {"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid} | header
    content = (
        f"{encoded(json.dumps(full).encode())}.{encoded(json.dumps(access_claims(NOW)).encode())}"
    )
    token = f"{content}.{encoded(issuer.sign(content.encode()))}"

    assert await refusal(verifier, token) == reason


async def test_a_key_id_is_needed(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    """
    A token that does not say which key it was signed with is not tried with any.
    """
    token = signed({"alg": "EdDSA", "typ": "at+jwt"}, access_claims(NOW), issuer.sign)

    assert await refusal(verifier, token) == "kid"


async def test_a_refresh_token_is_no_access_token(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    What only renews a session does not open anything, though the same key signed it.
    """
    assert await refusal(verifier, issuer.token(header={"typ": "rt+jwt"})) == "type"


async def test_an_unsigned_token_is_refused(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    """
    ``alg: none`` is refused with an empty signature and with any other.
    """
    header = {"alg": "none", "typ": "at+jwt", "kid": issuer.kid}

    assert await refusal(verifier, signed(header, access_claims(NOW), lambda _: b"")) == "malformed"
    assert (
        await refusal(verifier, signed(header, access_claims(NOW), lambda _: b"x")) == "algorithm"
    )


@pytest.mark.parametrize(
    "secret_of",
    [
        lambda key: key.public_bytes_raw(),
        lambda key: key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        lambda key: encoded(key.public_bytes_raw()).encode(),
    ],
    ids=["raw", "pem", "jwk"],
)
async def test_the_public_key_is_no_shared_secret(
    verifier: TokenVerifier, issuer: TokenIssuer, secret_of: Callable[[PublicKey], bytes]
) -> None:
    """
    HS256 under the bytes of the public key, which everybody knows, is refused.
    """
    secret = secret_of(issuer.public_key)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.kid}

    token = signed(
        header, access_claims(NOW), lambda content: hmac.digest(secret, content, hashlib.sha256)
    )

    assert await refusal(verifier, token) == "algorithm"


async def test_another_key_under_the_same_name_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, clock: Clock
) -> None:
    """
    The signature counts, not the key's name.
    """
    stranger = TokenIssuer(issuer.kid, now=clock)

    assert await refusal(verifier, stranger.token()) == "signature"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "eyJhbGciOiJFZERTQSJ9",
        "ä.ö.ü",
        "\ud800.a.b",
        "a b.c.d",
    ],
)
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    """
    Garbage is an ordinary refusal.
    """
    assert await refusal(verifier, token) == "malformed"


async def test_padding_and_line_ends_are_refused(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    A token has one spelling.
    """
    token = issuer.token()
    await verifier.verify(token)

    for changed in (token + "=", token + "==", token + "\n", " " + token, token + "."):
        assert await refusal(verifier, changed) == "malformed"


async def test_a_token_has_a_largest_length(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    """
    A longer token is refused before anything of it is read.
    """
    token = issuer.token(permissions=["p" * MAX_TOKEN_CHARS])

    assert await refusal(verifier, token) == "too_long"


async def test_every_refusal_reads_the_same(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    """
    What a client sees does not tell which check failed.
    """
    errors = []
    for token in ("x", issuer.token(iss="else"), issuer.token(header={"kid": "key-9"})):
        with pytest.raises(AuthError) as caught:
            await verifier.verify(token)
        errors.append(caught.value)

    assert len({error.reason for error in errors}) == 3
    assert len({(error.message, *error.details, *error.headers.values()) for error in errors}) == 1
    assert errors[0].headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_clocks_may_differ_a_little(
    verifier: TokenVerifier, issuer: TokenIssuer, clock: Clock
) -> None:
    """
    A token is accepted within the leeway at either end, and not beyond it.
    """
    token = issuer.token(nbf=int(NOW) + 4, exp=int(NOW) + 100)
    assert (await verifier.verify(token)).user_id == "user-1"

    clock.at = NOW + 100 + LEEWAY_S - 0.1
    assert (await verifier.verify(token)).user_id == "user-1"

    clock.at = NOW + 100 + LEEWAY_S
    assert await refusal(verifier, token) == "expired"


class CountingKeys(StaticKeys):
    """
    Counts how often a key was asked for.
    """

    asked = 0

    async def key(self, kid: str) -> PublicKey:
        self.asked += 1
        return await super().key(kid)


async def test_a_known_token_ends_with_its_expiry(
    verifier: TokenVerifier, issuer: TokenIssuer, clock: Clock
) -> None:
    """
    A token that was accepted before is refused once it has expired.
    """
    token = issuer.token(exp=int(NOW) + 60)
    await verifier.verify(token)

    clock.at = NOW + 60 + LEEWAY_S

    assert await refusal(verifier, token) == "expired"


async def test_a_known_token_is_not_served_before_its_time(
    verifier: TokenVerifier, issuer: TokenIssuer, clock: Clock
) -> None:
    """
    A clock that was set back does not make a token good before its ``nbf``.
    """
    token = issuer.token(nbf=int(NOW))
    await verifier.verify(token)

    clock.at = NOW - 4
    await verifier.verify(token)
    clock.at = NOW - 6

    assert await refusal(verifier, token) in {"not_yet_valid", "issued_in_future"}


async def test_a_known_token_is_not_checked_again(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    A token that was accepted is served from memory: the very same principal.
    """
    token = issuer.token()

    first = await verifier.verify(token)

    assert await verifier.verify(token) is first


async def test_a_known_signature_does_not_vouch_for_another_payload(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    The payload of one token with the signature of another is refused, known or not.
    """
    mine = issuer.token(sub="mallory")
    theirs = issuer.token(sub="admin", scope="read write admin")
    await verifier.verify(mine)
    await verifier.verify(theirs)
    header, payload, _ = theirs.split(".")

    tampered = f"{header}.{payload}.{mine.rpartition('.')[2]}"

    assert await refusal(verifier, tampered) == "signature"


async def test_a_known_token_does_not_vouch_for_one_that_begins_alike(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    Tokens that differ in their last claim only belong to different callers.
    """
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid}
    claims = access_claims(NOW, {"roles": ["r" * 2000]}, without=["sub"])
    alice = signed(header, claims | {"sub": "alice"}, issuer.sign)
    bobby = signed(header, claims | {"sub": "bobby"}, issuer.sign)
    assert alice[:2500] == bobby[:2500]

    assert (await verifier.verify(alice)).user_id == "alice"
    assert (await verifier.verify(bobby)).user_id == "bobby"
    assert await refusal(verifier, bobby[:2500] + alice[2500:-86] + bobby[-86:]) == "signature"


async def test_a_retired_key_ends_what_it_had_verified(
    verifier: TokenVerifier, issuer: TokenIssuer, keys: dict[str, PublicKey]
) -> None:
    """
    Once a key is retired, tokens that were accepted with it are refused too.
    """
    token = issuer.token()
    await verifier.verify(token)

    keys.clear()

    assert await refusal(verifier, token) == "key_unknown"


async def test_a_replaced_key_ends_what_the_old_one_had_verified(
    verifier: TokenVerifier, issuer: TokenIssuer, keys: dict[str, PublicKey]
) -> None:
    """
    A new key under an old name does not stand for the old one's tokens.
    """
    token = issuer.token()
    await verifier.verify(token)

    keys[issuer.kid] = TokenIssuer().public_key

    assert await refusal(verifier, token) == "signature"


async def test_memory_is_bounded_and_keeps_what_is_used(
    keys: dict[str, PublicKey], issuer: TokenIssuer, clock: Clock
) -> None:
    """
    The token that was not used for longest is forgotten first.
    """
    verifier = TokenVerifier.eddsa(
        StaticKeys(keys), issuer=ISSUER, audience=AUDIENCE, now=clock, max_remembered=2
    )
    used, unused, new = issuer.token(), issuer.token(), issuer.token()
    of_used = await verifier.verify(used)
    of_unused = await verifier.verify(unused)
    await verifier.verify(used)

    await verifier.verify(new)

    assert await verifier.verify(used) is of_used
    assert await verifier.verify(unused) is not of_unused


async def test_keys_that_cannot_be_had_are_no_refusal(issuer: TokenIssuer, clock: Clock) -> None:
    """
    Where nobody can tell whether a token is good, the answer is "later", not "no".
    """

    class NoKeys:
        async def key(self, kid: str) -> PublicKey:  # noqa: ARG002 - a KeySource is asked by name
            raise ServiceUnavailable("the identity service", retry_after_s=7)

    verifier = TokenVerifier.eddsa(NoKeys(), issuer=ISSUER, audience=AUDIENCE, now=clock)

    with pytest.raises(ServiceUnavailable) as caught:
        await verifier.verify(issuer.token())

    assert caught.value.headers["Retry-After"] == "7"


async def test_garbage_is_refused_before_a_key_is_asked_for(
    keys: dict[str, PublicKey], issuer: TokenIssuer, clock: Clock
) -> None:
    """
    Only a token of our form can make the key source work.
    """
    counting = CountingKeys(keys)
    verifier = TokenVerifier.eddsa(counting, issuer=ISSUER, audience=AUDIENCE, now=clock)

    for token in ("a.b.c", issuer.token(header={"alg": "none"}), issuer.token(header={"kid": "/"})):
        await refusal(verifier, token)

    assert counting.asked == 0


@pytest.fixture
def shared(clock: Clock) -> TokenVerifier:
    return TokenVerifier.hs256(SECRET, issuer=ISSUER, audience=AUDIENCE, now=clock)


async def test_a_shared_secret_verifies_too(shared: TokenVerifier) -> None:
    """
    HS256 tokens are accepted where the service is set up for them, from memory the second time.
    """
    token = hs256_token(SECRET, now=NOW, sub="u-1")

    first = await shared.verify(token)

    assert first.user_id == "u-1"
    assert await shared.verify(token) is first


async def test_a_shared_secret_has_to_be_the_right_one(
    shared: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    Another secret, another algorithm and another type of token are refused.
    """
    assert await refusal(shared, hs256_token(SECRET + b"!", now=NOW)) == "signature"
    assert await refusal(shared, issuer.token()) == "algorithm"
    assert await refusal(shared, hs256_token(SECRET, now=NOW, exp=1)) == "expired"


def test_a_short_secret_stops_the_start() -> None:
    """
    A secret that could be guessed is not accepted.
    """
    with pytest.raises(ValueError, match="at least 32 bytes"):
        TokenVerifier.hs256("too short", issuer=ISSUER, audience=AUDIENCE)


def test_a_public_key_as_secret_stops_the_start(issuer: TokenIssuer) -> None:
    """
    A secret that everybody may know is not accepted.
    """
    pem = issuer.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    with pytest.raises(InvalidKeyError):
        TokenVerifier.hs256(pem, issuer=ISSUER, audience=AUDIENCE)


async def test_a_principal_does_not_show_its_address(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    """
    Printing a principal does not print an e-mail address.
    """
    principal = await verifier.verify(issuer.token(email="ada@example.org"))

    assert "ada@example.org" not in repr(principal)

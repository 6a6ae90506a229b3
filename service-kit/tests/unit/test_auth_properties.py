"""
What holds for any token and any header that somebody could send.
"""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from servicekit.auth import AuthenticationMiddleware, StaticKeys, TokenVerifier, current_principal
from servicekit.errors import AuthError
from servicekit.testing.tokens import (
    AUDIENCE,
    ISSUER,
    TokenIssuer,
    access_claims,
    hs256_token,
    signed,
)

NOW = 1_800_000_000.0
SECRET = b"a secret that is long enough: 32 bytes"
ISSUED_BY = TokenIssuer(now=lambda: NOW)

#: Tokens of every length modulo 3, so that each way to end in base64 occurs.
eddsa_tokens = st.sampled_from([ISSUED_BY.token(sub="u" * n) for n in range(1, 7)])
hs256_tokens = st.sampled_from([hs256_token(SECRET, now=NOW, sub="u" * n) for n in range(1, 7)])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def eddsa() -> TokenVerifier:
    return TokenVerifier.eddsa(
        StaticKeys({ISSUED_BY.kid: ISSUED_BY.public_key}),
        issuer=ISSUER,
        audience=AUDIENCE,
        now=lambda: NOW,
    )


def hs256() -> TokenVerifier:
    return TokenVerifier.hs256(SECRET, issuer=ISSUER, audience=AUDIENCE, now=lambda: NOW)


async def refuses_any_change(verifier: TokenVerifier, token: str, data: st.DataObject) -> None:
    await verifier.verify(token)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(max_codepoint=255).filter(lambda char: char != token[at]))
    changed = data.draw(
        st.sampled_from(
            [
                token[:at] + other + token[at + 1 :],
                token[:at] + token[at + 1 :],
                token[:at] + other + token[at:],
            ]
        )
    )
    if changed == token:
        return

    with pytest.raises(AuthError):
        await verifier.verify(changed)


@given(token=eddsa_tokens, data=st.data())
@settings(deadline=None, max_examples=300)
async def test_any_changed_byte_is_refused(token: str, data: st.DataObject) -> None:
    """
    A token with one byte replaced, removed or added is refused, also after the token was accepted.
    """
    await refuses_any_change(eddsa(), token, data)


@given(token=hs256_tokens, data=st.data())
@settings(deadline=None, max_examples=300)
async def test_any_changed_byte_is_refused_with_a_shared_secret_too(
    token: str, data: st.DataObject
) -> None:
    """
    The same for HS256.
    """
    await refuses_any_change(hs256(), token, data)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "x"]), json_values),
    payload=st.dictionaries(st.sampled_from(["iss", "sub", "exp", "aud", "kind"]), json_values)
    | st.binary(max_size=200),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_no_other_token_is_accepted_though_it_is_signed(
    header: dict[str, object], payload: dict[str, object] | bytes
) -> None:
    """
    Whatever stands in a token, it is accepted or refused: nothing else is raised.
    """
    body = access_claims(NOW) | payload if isinstance(payload, dict) else payload
    full = {"alg": "EdDSA", "typ": "at+jwt", "kid": ISSUED_BY.kid} | header
    token = signed(full, body, ISSUED_BY.sign)  # type: ignore[arg-type]  # any JSON is what is tested

    with contextlib.suppress(AuthError):
        assert (await eddsa().verify(token)).kind in {"user", "service"}


async def served(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "served", "kind": current_principal().kind})


@given(
    st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary()
    | st.text().map(lambda text: b"Bearer " + text.encode("utf-8", "surrogatepass"))
    | st.from_regex(rb"Bearer [A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True)
)
@settings(deadline=None, max_examples=500)
async def test_no_made_up_header_is_served(header: bytes) -> None:
    """
    Whatever stands in an Authorization header, it is refused as such: no crash, and nobody is served.
    """
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    app = AuthenticationMiddleware(served, eddsa(), ["read", "write"])

    with pytest.raises(AuthError):
        await app(
            {"type": "http", "path": "/", "headers": [(b"authorization", header)]}, receive, send
        )
    assert sent == []

"""
Who a request is served for, and what becomes of a header that does not hold.
"""

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from servicekit.auth import (
    AuthenticationMiddleware,
    Principal,
    PublicKey,
    StaticKeys,
    TokenVerifier,
    acting_as,
    anonymous,
    current_principal,
)
from servicekit.errors import AuthError, ServiceUnavailable
from servicekit.testing.tokens import AUDIENCE, ISSUER, TokenIssuer


class Seen:
    """
    An application that notes in whose name it was called.
    """

    def __init__(self) -> None:
        self.principals: list[Principal] = []
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.principals.append(current_principal())
        self.scopes.append(scope)


class Call:
    """
    One request to ``app``, and what it sent.
    """

    def __init__(self, app: AuthenticationMiddleware) -> None:
        self.app = app
        self.sent: list[Message] = []

    async def __call__(
        self,
        *authorization: bytes,
        path: str = "/orders",
        kind: str = "http",
        extensions: dict[str, object] | None = None,
    ) -> None:
        scope = {
            "type": kind,
            "path": path,
            "headers": [(b"host", b"x"), *((b"authorization", value) for value in authorization)],
            "extensions": extensions or {},
        }
        await self.app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def call(issuer: TokenIssuer, seen: Seen) -> Call:
    verifier = TokenVerifier.eddsa(
        StaticKeys({issuer.kid: issuer.public_key}), issuer=ISSUER, audience=AUDIENCE
    )
    return Call(AuthenticationMiddleware(seen, verifier, ["read"], open_paths={"/health"}))


async def test_no_header_makes_the_caller_anonymous(call: Call, seen: Seen) -> None:
    """
    A caller without a token has the scopes that everybody has, and no others.
    """
    await call()

    assert seen.principals == [anonymous(["read"])]
    assert seen.scopes[0]["servicekit.principal"] == "anonymous"


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER  "])
async def test_a_good_token_makes_its_owner_the_caller(
    call: Call, seen: Seen, issuer: TokenIssuer, scheme: bytes
) -> None:
    """
    The request is served in the name of the token's owner; the log learns the kind only.
    """
    await call(scheme + issuer.token(sub="u-1", email="ada@example.org").encode())

    assert seen.principals[0].user_id == "u-1"
    assert seen.scopes[0]["servicekit.principal"] == "user"


async def test_the_caller_is_forgotten_after_the_request(call: Call, issuer: TokenIssuer) -> None:
    """
    Nobody calls outside of a request, and nothing is allowed there.
    """
    await call(b"Bearer " + issuer.token().encode())

    assert current_principal() == anonymous([])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "scheme"),
        (b" ", "scheme"),
        (b"Basic dXNlcjpwYXNz", "scheme"),
        (b"Token abc", "scheme"),
        (b"Bearer", "malformed"),
        (b"Bearer ", "malformed"),
        (b"Bearer a b", "malformed"),
        (b"Bearer a.b.c", "malformed"),
        (b"Bearer \xff\xfe", "malformed"),
        (b"Bearer\ta.b.c", "scheme"),
        (b"\xc3\xa4", "scheme"),
    ],
)
async def test_a_bad_header_is_refused(call: Call, seen: Seen, header: bytes, reason: str) -> None:
    """
    A header that is there and does not hold never makes its sender anonymous.
    """
    with capture_logs() as logs, pytest.raises(AuthError) as caught:
        await call(header)

    assert caught.value.reason == reason
    assert logs == [{"event": "auth.refused", "reason": reason, "log_level": "info"}]
    assert seen.principals == []


async def test_two_headers_are_refused(call: Call, seen: Seen, issuer: TokenIssuer) -> None:
    """
    Who sends two headers is neither of the two, though both were good.
    """
    header = b"Bearer " + issuer.token().encode()

    with pytest.raises(AuthError) as caught:
        await call(header, header)

    assert caught.value.reason == "several_headers"
    assert seen.principals == []


async def test_an_open_path_does_not_look_at_tokens(call: Call, seen: Seen) -> None:
    """
    A probe with an old token is still answered; only exactly the open paths are open.
    """
    await call(b"Bearer old", path="/health")
    assert seen.principals == [anonymous(["read"])]

    for path in ("/health/", "//health", "/healthy", "/HEALTH"):
        with pytest.raises(AuthError):
            await call(b"Bearer old", path=path)


async def test_a_websocket_has_a_caller_too(call: Call, seen: Seen, issuer: TokenIssuer) -> None:
    """
    A websocket is served in the name of its token's owner.
    """
    await call(b"Bearer " + issuer.token(sub="u-1").encode(), kind="websocket")

    assert seen.principals[0].user_id == "u-1"


async def test_a_websocket_with_a_bad_token_is_denied_in_our_shape(call: Call, seen: Seen) -> None:
    """
    Where the server can answer a handshake, the answer is an ordinary 401.
    """
    await call(b"Bearer x", kind="websocket", extensions={"websocket.http.response": {}})

    start, body = call.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"www-authenticate", b'Bearer error="invalid_token"') in start["headers"]
    assert orjson.loads(body["body"])["error"]["code"] == "AUTH_ERROR"
    assert seen.principals == []


async def test_a_websocket_with_a_bad_token_is_closed_otherwise(call: Call, seen: Seen) -> None:
    """
    Where the server cannot, the handshake is refused with code 1008.
    """
    await call(b"Bearer x", kind="websocket")

    assert [(sent["type"], sent["code"]) for sent in call.sent] == [("websocket.close", 1008)]
    # The protocol leaves 123 bytes for it.
    assert len(call.sent[0]["reason"].encode()) <= 123
    assert seen.principals == []


async def test_the_lifespan_passes_through(call: Call, seen: Seen) -> None:
    """
    Starting and stopping the application concerns no caller.
    """
    await call(kind="lifespan")

    assert seen.principals == [anonymous([])]
    assert "servicekit.principal" not in seen.scopes[0]


async def test_keys_that_cannot_be_had_are_503(seen: Seen, issuer: TokenIssuer) -> None:
    """
    A caller whose token cannot be judged is told to come back; one without a token is served.
    """

    class NoKeys:
        async def key(self, kid: str) -> PublicKey:  # noqa: ARG002 - a KeySource is asked by name
            raise ServiceUnavailable("the identity service")

    verifier = TokenVerifier.eddsa(NoKeys(), issuer=ISSUER, audience=AUDIENCE)
    call = Call(AuthenticationMiddleware(seen, verifier, []))

    with capture_logs() as logs, pytest.raises(ServiceUnavailable):
        await call(b"Bearer " + issuer.token().encode())
    await call()

    assert logs == []
    assert len(seen.principals) == 1


def test_acting_as_somebody_ends() -> None:
    """
    Background work can be done in a caller's name, and only inside its block.
    """
    with acting_as(anonymous(["admin"])) as principal:
        assert current_principal() is principal

    assert current_principal().scopes == frozenset()

"""
Whether the service lets in whom it should, and nobody else.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import JsonValue

from servicekit.conformance.answers import expect_error, expect_shape
from servicekit.conformance.check import check
from servicekit.conformance.description import JSON, Operation
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import NotApplicable, expect
from servicekit.conformance.wire import Answer, Headers

_MIDDLEWARE: Final = "Build the application by create_service() with a TokenVerifier: "
_CHANGES: Final = frozenset({"POST", "PUT", "PATCH"})
_MAX_OPERATIONS: Final = 10


@check(
    mend="Declare who may call the route: dependencies=[requires('write')] of servicekit.auth. "
    "If everybody may, declare PUBLIC; if ANONYMOUS_SCOPES allows it, tell the suite by "
    "Target(anonymous_scopes=...)."
)
async def closed_operations_refuse_strangers(subject: Subject) -> None:
    """
    An operation that is described as secured refuses a caller without a token, in our shape.
    """
    for operation in await _closed(subject):
        answer = await _call(subject, operation)
        on = f"{operation} without a token"
        if answer.status == 403:
            expect_error(answer, 403, "FORBIDDEN", on=on)
            continue
        expect_error(answer, 401, "AUTH_ERROR", on=on)
        _expect_challenge(answer, on)


@check(
    mend="Compare JWT_ISSUER, JWT_AUDIENCE, JWT_ALGORITHM and the keys of this service with "
    "those of whoever made the token; the service's log names the reason (auth.refused)."
)
async def a_good_token_is_accepted(subject: Subject) -> None:
    """
    The caller whose token the suite was given is known everywhere.
    """
    if subject.target.token is None:
        raise NotApplicable("no token was given")
    operations = [o for o in (await subject.description()).reads if o.security]
    if not operations:
        raise NotApplicable("nothing that is only read lies behind a token")
    for operation in operations[:_MAX_OPERATIONS]:
        answer = await subject.ask("GET", operation.path(), is_signed_in=True)
        expect(
            answer.status != 401, seen=f"{operation} answers {answer}", expected="anything but 401"
        )


@check(mend=_MIDDLEWARE + "a token that does not hold is refused, never overlooked.")
async def garbage_tokens_are_refused(subject: Subject) -> None:
    """
    Something that is no token is 401 on every operation, on those that are open to everybody too.
    """
    for token in ("garbage", "a.b.c", "x" * 9000, "..", "=.=.="):
        await _expect_401(
            subject, [("Authorization", f"Bearer {token}")], f"the token {token!r:.20}"
        )


@check(mend=_MIDDLEWARE + "its algorithm is the service's to choose, never the token's.")
async def unsigned_tokens_are_refused(subject: Subject) -> None:
    """
    A token that says it needs no signature (alg: none) is 401, whatever it claims.
    """
    for algorithm in ("none", "None", "NONE"):
        header = _part({"alg": algorithm, "typ": "at+jwt"})
        for token in (f"{header}.{_claims(subject)}.", f"{header}.{_claims(subject)}.AAAA"):
            await _expect_401(
                subject, [("Authorization", f"Bearer {token}")], f"a token with alg {algorithm}"
            )


@check(mend=_MIDDLEWARE + "it verifies the signature with the identity service's key.")
async def forged_tokens_are_refused(subject: Subject) -> None:
    """
    A token that somebody else has signed is 401, whatever it claims.
    """
    for token in (*_forged(subject), *_tampered(subject.target.token)):
        await _expect_401(subject, [("Authorization", f"Bearer {token}")], "a forged token")


@check(mend=_MIDDLEWARE + "it accepts bearer tokens only, and one at a time.")
async def other_schemes_are_refused(subject: Subject) -> None:
    """
    An Authorization header of another scheme, an empty one, or two at once is 401.
    """
    for values in (["Token abcdef"], ["Bearer"], ["abcdef"], ["Bearer a.b.c", "Bearer d.e.f"]):
        headers = [("Authorization", value) for value in values]
        await _expect_401(subject, headers, f"Authorization: {values}")


async def _closed(subject: Subject) -> Sequence[Operation]:
    scopes = frozenset(subject.target.anonymous_scopes)
    closed = [o for o in (await subject.description()).own if o.is_closed_to(scopes)]
    if not closed:
        raise NotApplicable("no operation is described as secured")
    return closed


async def _expect_401(subject: Subject, headers: Headers, what: str) -> None:
    own = [
        operation
        for operation in (await subject.description()).own
        if operation.template not in subject.target.open_paths
    ]
    if not own:
        raise NotApplicable("no operation is described that looks at a bearer token")
    # One that is open and one that is not, whatever else there is.
    for operation in {bool(o.security): o for o in own}.values():
        answer = await _call(subject, operation, headers)
        on = f"{operation} with {what}"
        if answer.status == 503:
            # The keys that would tell are not at hand: nobody is let in.
            expect_shape(answer, on=on)
            continue
        expect_error(answer, 401, "AUTH_ERROR", on=on)
        _expect_challenge(answer, on)


async def _call(subject: Subject, operation: Operation, headers: Headers = ()) -> Answer:
    if operation.method in _CHANGES:
        json = [*headers, ("Content-Type", JSON)]
        return await subject.ask(operation.method, operation.path(), headers=json, body=b"{}")
    return await subject.ask(operation.method, operation.path(), headers=headers)


def _expect_challenge(answer: Answer, on: str) -> None:
    challenge = answer.header("www-authenticate") or ""
    expect(
        challenge.lower().startswith("bearer"),
        seen=f"{on} answers 401 with WWW-Authenticate {challenge!r}",
        expected="WWW-Authenticate: Bearer",
    )


def _forged(subject: Subject) -> list[str]:
    claims = _claims(subject)
    tokens = []
    for secret in (b"", b"secret", b"changeme" * 4):
        content = f"{_part({'alg': 'HS256', 'typ': 'at+jwt'})}.{claims}"
        signature = hmac.digest(secret, content.encode(), hashlib.sha256)
        tokens.append(f"{content}.{_encoded(signature)}")
    header = _part({"alg": "EdDSA", "typ": "at+jwt", "kid": "conformance"})
    return [*tokens, f"{header}.{claims}.{_encoded(secrets.token_bytes(64))}"]


def _tampered(token: str | None) -> list[str]:
    """
    The good token with another content, and with another signature.
    """
    if token is None or token.count(".") != 2:
        return []
    header, payload, signature = token.split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    raised = _part({**claims, "sub": "someone-else", "roles": ["admin"]})
    first = "B" if signature.startswith("A") else "A"
    return [f"{header}.{raised}.{signature}", f"{header}.{payload}.{first}{signature[1:]}"]


def _claims(subject: Subject) -> str:
    if subject.target.token is not None and subject.target.token.count(".") == 2:
        return subject.target.token.split(".")[1]
    now = int(time.time())
    return _part(
        {
            "iss": "storefront-identity",
            "aud": "storefront",
            "sub": "conformance",
            "iat": now,
            "exp": now + 600,
            "jti": "conformance",
            "kind": "user",
            "roles": ["admin"],
            "scope": "read write admin",
        }
    )


def _part(content: dict[str, JsonValue]) -> str:
    return _encoded(orjson.dumps(content))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

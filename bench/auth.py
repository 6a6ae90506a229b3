"""
What it costs to know who calls, in microseconds for one request.

Each figure is the best of several rounds: what the code costs when nothing else
of the machine is in the way.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from servicekit.auth import (
    AuthenticationMiddleware,
    JwksKeys,
    TokenVerifier,
)
from servicekit.testing.tokens import AUDIENCE, ISSUER, TokenIssuer, hs256_token

ROUNDS: Final = 5
CACHED_CALLS: Final = 20_000
UNCACHED_CALLS: Final = 400
SECRET: Final = b"a secret of the benchmark, 32 bytes."


def measure() -> dict[str, float]:
    """
    Microseconds for a token seen before and for a new one, and for a request to a bare application.
    """
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    issuer = TokenIssuer()
    eddsa = _eddsa(issuer)
    hs256 = TokenVerifier.hs256(SECRET, issuer=ISSUER, audience=AUDIENCE)
    known_eddsa, known_hs256 = issuer.token(), hs256_token(SECRET, now=time.time())
    new_eddsa = [issuer.token() for _ in range(ROUNDS * UNCACHED_CALLS)]
    new_hs256 = [hs256_token(SECRET, now=time.time()) for _ in new_eddsa]
    bare = await _served(_application)
    return {
        "eddsa_cached_us": await _known(eddsa, known_eddsa),
        "eddsa_uncached_us": await _new(eddsa, new_eddsa),
        "hs256_cached_us": await _known(hs256, known_hs256),
        "hs256_uncached_us": await _new(hs256, new_hs256),
        "middleware_anonymous_us": await _served(_guarded(eddsa)) - bare,
        "middleware_cached_us": await _served(_guarded(eddsa), known_eddsa) - bare,
    }


def _eddsa(issuer: TokenIssuer) -> TokenVerifier:
    async def fetch() -> dict[str, object]:
        return {"keys": [issuer.jwk]}

    # As a service has it: keys fetched from elsewhere, and held.
    return TokenVerifier.eddsa(JwksKeys(fetch), issuer=ISSUER, audience=AUDIENCE)


async def _known(verifier: TokenVerifier, token: str) -> float:
    return await _best_us(verifier.verify, lambda: [token] * CACHED_CALLS)


async def _new(verifier: TokenVerifier, tokens: list[str]) -> float:
    return await _best_us(verifier.verify, lambda: [tokens.pop() for _ in range(UNCACHED_CALLS)])


async def _best_us(
    call: Callable[[str], Awaitable[object]], arguments: Callable[[], Iterable[str]]
) -> float:
    best_s = float("inf")
    for _ in range(ROUNDS):
        given = list(arguments())
        began_at = time.perf_counter()
        for argument in given:
            await call(argument)
        best_s = min(best_s, (time.perf_counter() - began_at) / len(given))
    return best_s * 1e6


def _guarded(verifier: TokenVerifier) -> AuthenticationMiddleware:
    return AuthenticationMiddleware(_application, verifier, ["read"])


async def _served(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], token: str | None = None
) -> float:
    headers = [(b"host", b"bench"), (b"accept", b"*/*"), (b"user-agent", b"bench")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))

    async def serve(path: str) -> None:
        await app({"type": "http", "path": path, "headers": headers}, _receive, _send)

    return await _best_us(serve, lambda: ["/products"] * CACHED_CALLS)


async def _application(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_message: Message) -> None:
    return None


if __name__ == "__main__":
    for name, value_us in measure().items():
        print(f"{name:26} {value_us:8.2f}")

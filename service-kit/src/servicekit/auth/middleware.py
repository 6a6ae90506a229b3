"""
Establishes who calls, before anything else of the application runs.

No ``Authorization`` header makes the caller anonymous. A header that is there
and does not hold is refused, never overlooked: whoever signs in wants to know
that it did not work.
"""

from collections.abc import Collection, Iterable
from typing import Final, Protocol

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.auth.metrics import TokenMetrics
from servicekit.auth.principals import CURRENT, Principal, anonymous
from servicekit.auth.refusals import refused
from servicekit.error_rendering import render
from servicekit.errors import AuthError, StorefrontError

#: Where in the ASGI scope the caller's kind stands, for the request log.
SCOPE_KEY: Final = "servicekit.principal"
_DENIAL: Final = "websocket.http.response"
_POLICY_VIOLATION: Final = 1008

log = structlog.get_logger()


class Verifier(Protocol):
    """
    Tells who a token belongs to: a TokenVerifier, or what asks more than that does.
    """

    async def verify(self, token: str) -> Principal:
        """
        The caller that ``token`` belongs to; raises AuthError or ServiceUnavailable.
        """
        ...


class AuthenticationMiddleware:
    """
    Serves each request in the name of its caller (``current_principal()``).

    Raises AuthError or ServiceUnavailable for the layer above to render; a websocket is
    denied here. On ``open_paths`` everybody is anonymous and no token is looked at.
    """

    def __init__(
        self,
        app: ASGIApp,
        verifier: Verifier,
        anonymous_scopes: Iterable[str],
        open_paths: Collection[str] = frozenset(),
        metrics: TokenMetrics | None = None,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._anonymous = anonymous(anonymous_scopes)
        self._open_paths = frozenset(open_paths)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request or websocket.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            token = None if scope["path"] in self._open_paths else _bearer_token(scope)
            principal = self._anonymous if token is None else await self._verifier.verify(token)
        except StorefrontError as error:
            if self._metrics is not None:
                self._metrics.failed(error)
            if isinstance(error, AuthError):
                log.info("auth.refused", reason=error.reason)
            if scope["type"] == "http":
                raise
            await _deny(error, scope, receive, send)
            return
        if token is not None and self._metrics is not None:
            self._metrics.verified += 1
        scope[SCOPE_KEY] = principal.kind
        caller = CURRENT.set(principal)
        try:
            await self._app(scope, receive, send)
        finally:
            CURRENT.reset(caller)


def _bearer_token(scope: Scope) -> str | None:
    """
    The token that the request brings, None without any; raises AuthError for any other header.
    """
    sent: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if sent is not None:
                raise refused("several_headers")
            sent = value
    if sent is None:
        return None
    scheme, _, token = sent.partition(b" ")
    if scheme.lower() != b"bearer":
        raise refused("scheme")
    return str(token.lstrip(b" "), "latin-1")


async def _deny(error: StorefrontError, scope: Scope, receive: Receive, send: Send) -> None:
    """
    Refuse a websocket: with an HTTP answer where the server can give one, else by closing it.
    """
    if _DENIAL in scope.get("extensions", {}):
        await render(error, scope)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.message})

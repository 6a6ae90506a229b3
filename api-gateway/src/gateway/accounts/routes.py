"""
``/auth`` and ``/users/me``: signing in, staying signed in, signing out, and who one is.
"""

from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.accounts.errors import GrantRefused
from gateway.accounts.schemas import (
    REVOCATION_FORM,
    TOKEN_FORM,
    AccountResponse,
    RefreshRequest,
    TokenResponse,
)
from gateway.accounts.service import Accounts
from servicekit.auth import PUBLIC, requires
from servicekit.errors import (
    AuthError,
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    RateLimited,
    UpstreamFailed,
)
from servicekit.forms import form_of
from servicekit.openapi import error_responses

#: Who comes here has no token yet, or one that has run out: none is looked at.
OPEN_PATHS: Final = ("/auth/token", "/auth/refresh", "/auth/revoke")

_NO_STORE: Final = {"Cache-Control": "no-store"}
_BEHIND = (
    CircuitOpen("accounts", retry_after_s=12),
    Overloaded("the accounts service"),
    DeadlineExceeded(after_s=2.0, upstream="accounts"),
)
_GRANT_REFUSALS = error_responses(
    GrantRefused("The grant type must be one of: password, refresh_token."),
    AuthError("The sign-in data are not valid."),
    RateLimited(retry_after_s=8),
    OutcomeUnknown("accounts"),
    *_BEHIND,
)
_REVOCATION_REFUSALS = error_responses(
    GrantRefused("The field token is missing."), OutcomeUnknown("accounts"), *_BEHIND
)


def accounts_router(prefix: str, accounts: Accounts) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=prefix, tags=["accounts"])
    _add_sign_in(router, accounts)
    _add_sign_out(router, accounts)

    @router.get(
        "/users/me",
        summary="Who is signed in",
        dependencies=[requires("read", kinds=("user",))],
        responses=error_responses(UpstreamFailed("accounts"), *_BEHIND),
    )
    async def me(request: Request, response: Response) -> AccountResponse:
        response.headers.update(_NO_STORE)
        shown = request.headers["authorization"]
        return AccountResponse.of(await accounts.account(shown, address=_address_of(request)))

    return router


def _add_sign_in(router: APIRouter, accounts: Accounts) -> None:
    @router.post(
        "/auth/token",
        summary="Sign in by a password, or stay signed in by a refresh token",
        dependencies=[PUBLIC],
        response_model_exclude_none=True,
        openapi_extra=TOKEN_FORM,
        responses=_GRANT_REFUSALS,
    )
    async def token(request: Request, response: Response) -> TokenResponse:
        form = await form_of(request, refusal=GrantRefused)
        tokens = await accounts.sign_in(form, address=_address_of(request))
        response.headers.update(_NO_STORE)
        return TokenResponse.of(tokens)

    @router.post(
        "/auth/refresh",
        summary="Stay signed in: the next tokens for a refresh token",
        dependencies=[PUBLIC],
        response_model_exclude_none=True,
        responses=_GRANT_REFUSALS,
    )
    async def refresh(body: RefreshRequest, request: Request, response: Response) -> TokenResponse:
        tokens = await accounts.refresh(body.refresh_token, address=_address_of(request))
        response.headers.update(_NO_STORE)
        return TokenResponse.of(tokens)


def _add_sign_out(router: APIRouter, accounts: Accounts) -> None:
    @router.post(
        "/auth/revoke",
        summary="Sign out: end a refresh token with its whole sign-in, or one access token",
        dependencies=[PUBLIC],
        response_class=Response,
        openapi_extra=REVOCATION_FORM,
        response_description="It is not good any more, if it ever was",
        responses=_REVOCATION_REFUSALS,
    )
    async def revoke(request: Request) -> Response:
        form = await form_of(request, refusal=GrantRefused)
        if "token" not in form:
            raise GrantRefused("The field token is missing.")
        await accounts.sign_out(form["token"], address=_address_of(request))
        return Response(status_code=200, headers=_NO_STORE)


def _address_of(request: Request) -> str | None:
    """
    Where the request comes from: the peer, or what a trusted proxy says (TRUSTED_PROXIES).

    None where that is no address: a proxy passes on whatever text it was given.
    """
    host = request.client.host if request.client else ""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return None

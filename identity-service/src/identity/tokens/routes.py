"""
``/auth``: tokens are issued, checked and revoked here.
"""

from fastapi import APIRouter, Request, Response

from identity.clients.models import ServiceClient
from identity.clients.service import ClientService
from identity.errors import GrantRequestRefused, InvalidClient, InvalidGrant, SignInThrottled
from identity.tokens.forms import credentials_of, form_of, required
from identity.tokens.models import TokenAnswer
from identity.tokens.revocation import RevocationService
from identity.tokens.schemas import (
    REVOCATION_FORM,
    TOKEN_FORM,
    PrincipalResponse,
    TokenResponse,
)
from identity.tokens.service import TokenService
from identity.users.sign_in import SignIn
from servicekit.auth import PUBLIC, current_principal, requires
from servicekit.errors import Overloaded
from servicekit.forms import Form
from servicekit.openapi import error_responses

#: Here clients show themselves by HTTP Basic, so the kit must not look for a bearer token.
OPEN_PATHS = ("/auth/token", "/auth/revoke")

_REFUSALS = error_responses(
    GrantRequestRefused("unsupported_grant_type", "This grant type is not supported."),
    GrantRequestRefused("invalid_scope", "The scope asks for more than can be granted."),
    InvalidGrant(),
    InvalidClient(),
    SignInThrottled(retry_after_s=8),
    Overloaded("the password check"),
)


class Grants:
    """
    Answers a token request by its grant type.
    """

    def __init__(self, tokens: TokenService, sign_in: SignIn, clients: ClientService) -> None:
        self._tokens = tokens
        self._sign_in = sign_in
        self._clients = clients

    async def answer(self, request: Request) -> TokenAnswer:
        """
        The tokens that the request's form asks for.
        """
        form = await form_of(request)
        grant_type = required(form, "grant_type")
        client = await self.client_of(request, form)
        match grant_type:
            case "password":
                return await self._by_password(request, form, client)
            case "client_credentials":
                if client is None:
                    raise InvalidClient
                return await self._tokens.for_client(client, scope=form.get("scope"))
            case "refresh_token":
                return await self._tokens.for_refresh_token(
                    required(form, "refresh_token"), scope=form.get("scope"), client=client
                )
            case _:
                raise GrantRequestRefused(
                    "unsupported_grant_type", "This grant type is not supported."
                )

    async def client_of(self, request: Request, form: Form) -> ServiceClient | None:
        """
        The client that shows itself, checked; None where none does.
        """
        credentials = credentials_of(request, form)
        if credentials is None:
            return None
        return await self._clients.authenticate(credentials, address=address_of(request))

    async def _by_password(
        self, request: Request, form: Form, client: ServiceClient | None
    ) -> TokenAnswer:
        user = await self._sign_in.check(
            required(form, "username"), required(form, "password"), address=address_of(request)
        )
        return await self._tokens.for_user(user, scope=form.get("scope"), client=client)


def address_of(request: Request) -> str | None:
    """
    Where the request comes from: the peer, or what a trusted proxy says (TRUSTED_PROXIES).
    """
    return request.client.host if request.client else None


def tokens_router(prefix: str, grants: Grants, revocation: RevocationService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/auth", tags=["auth"])

    @router.post(
        "/token",
        summary="Get an access token for a password, a client's secret or a refresh token",
        dependencies=[PUBLIC],
        response_model_exclude_none=True,
        openapi_extra=TOKEN_FORM,
        responses=_REFUSALS,
    )
    async def token(request: Request, response: Response) -> TokenResponse:
        response.headers["Cache-Control"] = "no-store"
        return TokenResponse.of(await grants.answer(request))

    @router.post(
        "/validate",
        summary="Who the bearer token belongs to, if it is good and nothing has been revoked",
        dependencies=[requires(kinds=("user", "service"))],
    )
    async def validate(response: Response) -> PrincipalResponse:
        response.headers["Cache-Control"] = "no-store"
        return PrincipalResponse.of(current_principal())

    @router.post(
        "/revoke",
        summary="End an access token, or a refresh token with its whole sign-in",
        dependencies=[PUBLIC],
        response_class=Response,
        openapi_extra=REVOCATION_FORM,
        response_description="It is not good any more, if it ever was",
        responses=error_responses(
            GrantRequestRefused("invalid_request", "The field token is missing."),
            InvalidClient(),
            SignInThrottled(retry_after_s=8),
        ),
    )
    async def revoke(request: Request) -> Response:
        form = await form_of(request)
        token = required(form, "token")
        client = await grants.client_of(request, form)
        await revocation.revoke(token, client=client)
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    return router

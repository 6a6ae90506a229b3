"""
What the token routes take and answer, as OpenAPI describes it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from identity.tokens.models import TokenAnswer, scope_text
from servicekit.auth import Principal
from servicekit.forms import described


class TokenResponse(BaseModel):
    """
    A successful grant (RFC 6749, section 5.1).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
                    "token_type": "bearer",
                    "expires_in": 900,
                    "refresh_token": "h3l0Xg0v8m6Yb7w0bU3zqf1y2y5n3cX7sVt6zB1aKdE",
                    "scope": "read write",
                }
            ]
        }
    )

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a kind, no secret
    expires_in: Annotated[int, Field(description="Seconds")]
    refresh_token: str | None = None
    scope: Annotated[str, Field(description="What was granted, with spaces between")]

    @classmethod
    def of(cls, answer: TokenAnswer) -> "TokenResponse":
        """
        The answer as RFC 6749 writes it.
        """
        return cls(
            access_token=answer.access_token,
            expires_in=answer.expires_in_s,
            refresh_token=answer.refresh_token,
            scope=scope_text(answer.scopes),
        )


class PrincipalResponse(BaseModel):
    """
    Who a token belongs to, and what it allows.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
                    "kind": "user",
                    "email": "anna@example.com",
                    "roles": ["shopper"],
                    "permissions": [],
                    "scopes": ["read", "write"],
                }
            ]
        }
    )

    user_id: Annotated[str, Field(description="A user's id, or a service's client id")]
    kind: Literal["user", "service"]
    email: str | None
    roles: list[str]
    permissions: list[str]
    scopes: list[str]

    @classmethod
    def of(cls, principal: Principal) -> "PrincipalResponse":
        """
        The principal as JSON.
        """
        return cls.model_validate(
            {
                "user_id": principal.user_id,
                "kind": principal.kind,
                "email": principal.email,
                "roles": sorted(principal.roles),
                "permissions": sorted(principal.permissions),
                "scopes": sorted(principal.scopes),
            }
        )


_CLIENT = {
    "client_id": "The calling client, where HTTP Basic does not tell it",
    "client_secret": "The calling client's secret, where HTTP Basic does not tell it",
}
#: The forms are read by ``identity.tokens.forms``; this describes them.
TOKEN_FORM = described(
    ["grant_type"],
    {
        "grant_type": "password, client_credentials or refresh_token",
        "username": "password: the user name or e-mail address",
        "password": "password: the password",
        "refresh_token": "refresh_token: the newest one of this sign-in",
        "scope": "Scopes with spaces between, all of which must be allowed; all if left out",
    }
    | _CLIENT,
)
REVOCATION_FORM = described(
    ["token"],
    {
        "token": "An access token or a refresh token",
        "token_type_hint": "access_token or refresh_token; both are tried anyway",
    }
    | _CLIENT,
)

"""
What the account routes take and answer. The names of tokens are OAuth's (RFC 6749), the rest is ours.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.upstreams.identity import Account, Tokens
from servicekit.forms import described
from servicekit.schemas import AnswerModel
from servicekit.text import PlainText

#: Longer than any token of ours.
MAX_TOKEN_LENGTH: Final = 8192

EXAMPLE_ACCOUNT: Final[dict[str, JsonValue]] = {
    "id": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
    "userName": "anna",
    "displayName": "Anna",
    "email": "anna@example.com",
    "roles": ["shopper"],
    "disabled": False,
    "createdAt": "2026-01-01T12:00:00Z",
    "updatedAt": "2026-01-01T12:00:00Z",
}
EXAMPLE_REFRESH_TOKEN: Final = "h3l0Xg0v8m6Yb7w0bU3zqf1y2y5n3cX7sVt6zB1aKdE"  # noqa: S105  # made up


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
                    "refresh_token": EXAMPLE_REFRESH_TOKEN,
                    "scope": "read write",
                }
            ]
        }
    )

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a kind, no secret
    expires_in: Annotated[int, Field(description="Seconds")]
    refresh_token: Annotated[
        str | None, Field(description="Good once: its answer holds the next one")
    ] = None
    scope: Annotated[str, Field(description="What was granted, with spaces between")]

    @classmethod
    def of(cls, tokens: Tokens) -> "TokenResponse":
        """
        The tokens as RFC 6749 writes them.
        """
        return cls(
            access_token=tokens.access_token,
            expires_in=tokens.expires_in,
            refresh_token=tokens.refresh_token,
            scope=tokens.scope,
        )


class AccountResponse(AnswerModel):
    """
    One's own account.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ACCOUNT]})

    id: str
    user_name: str
    display_name: str
    email: str | None
    roles: list[str]
    disabled: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, account: Account) -> "AccountResponse":
        """
        All that is told of an account to its owner.
        """
        return cls(
            id=account.id,
            user_name=account.user_name,
            display_name=account.display_name,
            email=account.email,
            roles=account.roles,
            disabled=account.disabled,
            created_at=account.created_at,
            updated_at=account.updated_at,
        )


class RefreshRequest(BaseModel):
    """
    The newest refresh token of a sign-in, named as in the answer that gave it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"refresh_token": EXAMPLE_REFRESH_TOKEN}]},
    )

    refresh_token: Annotated[
        PlainText, Field(min_length=1, max_length=MAX_TOKEN_LENGTH, repr=False)
    ]


TOKEN_FORM: Final = described(
    ["grant_type"],
    {
        "grant_type": "password or refresh_token",
        "username": "password: the user name or e-mail address",
        "password": "password: the password",
        "refresh_token": "refresh_token: the newest one of this sign-in",
        "scope": "Scopes with spaces between, all of which must be allowed; all if left out",
    },
)
REVOCATION_FORM: Final = described(
    ["token"],
    {
        "token": "An access token or a refresh token",
        "token_type_hint": "access_token or refresh_token; both are tried anyway",
    },
)

"""
The refusals of this service that the kit's tree lacks.

::

    StorefrontError                    (servicekit.errors)
    ├── InvalidRequest
    │   ├── MalformedRequest
    │   │   └── GrantRequestRefused    400  INVALID_REQUEST  details.error says which of RFC 6749's
    │   └── WeakPassword               422  INVALID_REQUEST
    ├── AuthError
    │   ├── InvalidGrant               401  AUTH_ERROR       details.error = invalid_grant
    │   └── InvalidClient              401  AUTH_ERROR       details.error = invalid_client
    ├── SealedKeys                     500  INTERNAL         stops the start
    ├── RateLimited
    │   └── SignInThrottled            429  RATE_LIMIT
    └── Conflict
        ├── SharedSecret               409  CONFLICT
        ├── NameTaken                  409  CONFLICT
        └── LastAdmin                  409  CONFLICT

``InvalidGrant`` and ``InvalidClient`` say nothing about why: whether an account
exists, is disabled, or has another password must not show in an answer.
"""

from typing import Literal

from servicekit.errors import (
    AuthError,
    Conflict,
    InvalidRequest,
    MalformedRequest,
    Problem,
    RateLimited,
    StorefrontError,
)

GrantFault = Literal["invalid_request", "invalid_scope", "unsupported_grant_type"]


class GrantRequestRefused(MalformedRequest):
    """
    A request for a token is not well-formed, or asks for what cannot be granted.
    """

    def __init__(self, fault: GrantFault, message: str) -> None:
        super().__init__(message)
        self.details["error"] = fault


class InvalidGrant(AuthError):
    """
    The name, the password or the refresh token is not good; which of them is not told.
    """

    def __init__(self, message: str = "The sign-in data are not valid.") -> None:
        super().__init__(message)
        self.details["error"] = "invalid_grant"


class InvalidClient(AuthError):
    """
    The calling client could not be authenticated.
    """

    def __init__(self) -> None:
        super().__init__("The client's credentials are not valid.")
        self.details["error"] = "invalid_client"
        self.headers["WWW-Authenticate"] = 'Basic realm="identity", charset="UTF-8"'


class WeakPassword(InvalidRequest):
    """
    A new password does not fulfil the policy.
    """

    def __init__(self, problem: str, *, field: str = "password") -> None:
        super().__init__(
            "The password cannot be used.",
            problems=[Problem(field=f"body.{field}", problem=problem)],
        )


class SignInThrottled(RateLimited):
    """
    Too many sign-ins failed; the next is looked at only after a pause.
    """


class SealedKeys(StorefrontError):
    """
    The signing keys in the database were sealed with a secret that is not at hand.
    """

    def __init__(self) -> None:
        super().__init__(
            "IDENTITY_KEY_SECRET does not open the signing keys in the database; "
            "give the secret that sealed them, or that one as IDENTITY_KEY_SECRET_PREVIOUS."
        )


class SharedSecret(Conflict):
    """
    There are no signing keys, because tokens are signed with a shared secret (HS256).
    """

    def __init__(self) -> None:
        super().__init__("Tokens are signed with a shared secret; there are no signing keys.")


class NameTaken(Conflict):
    """
    The user name, e-mail address or client id belongs to somebody already.
    """

    def __init__(self, field: str) -> None:
        super().__init__(f"This {field} is taken.", details={"field": field})


class LastAdmin(Conflict):
    """
    The change would leave nobody who can administer the shop.
    """

    def __init__(self) -> None:
        super().__init__("This is the last enabled admin, and has to stay one.")

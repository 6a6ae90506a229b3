"""
Why a token was refused: for our logs, not for whoever sent it.

A client learns that its token was not accepted and what to do about it. Which
check failed would help an attacker only, so it stays in ``AuthError.reason``.
"""

from typing import Final, Literal, get_args

from servicekit.errors import AuthError

#: Every reason, so that a metric labelled by it stays bounded.
Reason = Literal[
    "algorithm",
    "audience",
    "claim_missing",
    "claims",
    "expired",
    "header",
    "issued_in_future",
    "issuer",
    "key_unknown",
    "kid",
    "malformed",
    "not_yet_valid",
    "revoked",
    "scheme",
    "several_headers",
    "sign_in_needed",
    "signature",
    "too_long",
    "type",
]
REASONS: Final[tuple[str, ...]] = get_args(Reason)


def refused(reason: Reason) -> AuthError:
    """
    The error for a token or header that was sent and is not accepted: the same for every reason.
    """
    error = AuthError(
        "The access token was not accepted. Get a new one, and send it as a bearer token.",
        reason=reason,
    )
    # RFC 6750, section 3.1: tells a client to renew its token rather than to give up.
    error.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return error

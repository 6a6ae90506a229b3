"""
Who calls, and what they may do.

The identity service signs access tokens; every service verifies them on the
spot, with keys that it holds for a while. A request's way through here::

    AuthenticationMiddleware -> TokenVerifier -> KeySource
            |
            v
    current_principal() <- requires("write"), declared on the route

``ServiceToken`` is the other side: what this service shows when it calls another.
"""

from servicekit.auth.access import (
    PUBLIC,
    Guarded,
    Requirement,
    checked_first,
    requires,
    undeclared_routes,
)
from servicekit.auth.jwks import JwksKeys
from servicekit.auth.keys import KeySource, PublicKey, StaticKeys, UnknownKey
from servicekit.auth.metrics import TokenMetrics
from servicekit.auth.middleware import AuthenticationMiddleware, Verifier
from servicekit.auth.principals import (
    Kind,
    Principal,
    Scope,
    acting_as,
    anonymous,
    current_principal,
)
from servicekit.auth.service_token import ServiceToken
from servicekit.auth.verifier import ACCESS_TOKEN_TYPE, TokenVerifier

__all__ = [
    "ACCESS_TOKEN_TYPE",
    "PUBLIC",
    "AuthenticationMiddleware",
    "Guarded",
    "JwksKeys",
    "KeySource",
    "Kind",
    "Principal",
    "PublicKey",
    "Requirement",
    "Scope",
    "ServiceToken",
    "StaticKeys",
    "TokenMetrics",
    "TokenVerifier",
    "UnknownKey",
    "Verifier",
    "acting_as",
    "anonymous",
    "checked_first",
    "current_principal",
    "requires",
    "undeclared_routes",
]

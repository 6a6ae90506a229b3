"""
What every service asks of the identity service: the keys that tokens are
verified with, and a token of its own for calling others.
"""

from servicekit.auth import JwksKeys, ServiceToken, TokenVerifier
from servicekit.http import ServiceClient
from servicekit.settings import ServiceSettings

JWKS_PATH = "/.well-known/jwks.json"
TOKEN_PATH = "/auth/token"  # noqa: S105 - an address, no password


def token_verifier(settings: ServiceSettings, identity: ServiceClient) -> TokenVerifier:
    """
    Verifies tokens by the algorithm that is configured; for EdDSA with the keys of ``identity``.
    """
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    if settings.jwt_algorithm == "HS256" and settings.jwt_secret_key is not None:
        secret = settings.jwt_secret_key.get_secret_value()
        return TokenVerifier.hs256(secret, issuer=issuer, audience=audience)
    return TokenVerifier.eddsa(keys_of(identity), issuer=issuer, audience=audience)


def keys_of(identity: ServiceClient) -> JwksKeys:
    """
    The public keys that ``identity`` publishes, held and renewed.
    """

    async def fetch() -> bytes:
        return (await identity.get(JWKS_PATH)).content

    return JwksKeys(fetch)


def service_token(identity: ServiceClient, *, client_id: str, secret: str) -> ServiceToken:
    """
    This service's own token, for ``ServiceClient(authorize=...)`` of its other clients.
    """
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}

    async def fetch() -> bytes:
        reply = await identity.post(TOKEN_PATH, form=form)
        return reply.content

    return ServiceToken(fetch)

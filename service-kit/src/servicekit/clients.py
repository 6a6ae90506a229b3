"""
The clients of one service: made alike, measured, traced, told of in ``/health``,
and closed together.

::

    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url)
    create_service(
        settings,
        verifier=clients.token_verifier(identity),
        resources=[clients.running],
        details={"upstreams": clients.details},
        telemetry=telemetry,
        ...
    )
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import Gauge
from pydantic import JsonValue

from servicekit.auth import JwksKeys, ServiceToken, TokenVerifier
from servicekit.errors import CircuitOpen
from servicekit.health import HealthCheck
from servicekit.http import Policy, ServiceClient
from servicekit.http.metrics import UpstreamMetrics, breaker_details
from servicekit.http.policy import DEFAULT_POLICY
from servicekit.outside import REAL_WORLD, Outside
from servicekit.settings import ServiceClientSettings, ServiceSettings
from servicekit.telemetry import Telemetry

JWKS_PATH = "/.well-known/jwks.json"
TOKEN_PATH = "/auth/token"  # noqa: S105 - an address, no password


class Clients:
    """
    Makes what a service calls others with; ``running`` closes it all.
    """

    def __init__(
        self, settings: ServiceSettings, telemetry: Telemetry, outside: Outside = REAL_WORLD
    ) -> None:
        self._settings = settings
        self._outside = outside
        self._telemetry = telemetry
        self._observer = UpstreamMetrics(telemetry.registry)
        self._failures = telemetry.counter(
            "auth_renewal_failures", "Keys or own tokens that could not be fetched", ("of",)
        )
        self._span = telemetry.tracing.client_span if telemetry.tracing else None
        self._clients: list[ServiceClient] = []
        self._closing: list[Callable[[], Awaitable[None]]] = []

    def to(
        self,
        name: str,
        base_url: str,
        *,
        policy: Policy = DEFAULT_POLICY,
        authorize: Callable[[], Awaitable[str]] | None = None,
    ) -> ServiceClient:
        """
        A client of the service ``name``; ``authorize`` gives the header it calls with.
        """
        client = ServiceClient(
            name,
            base_url,
            caller=self._settings.service_name,
            policy=policy,
            authorize=authorize,
            observer=self._observer,
            span=self._span,
            network=self._outside.networks.get(name),
            clock=self._outside.monotonic,
            sleep=self._outside.sleep,
        )
        self._observer.watch(name)
        self._clients.append(client)
        self._closing.append(client.aclose)
        return client

    def token_verifier(self, identity: ServiceClient) -> TokenVerifier:
        """
        Verifies tokens by the algorithm that is configured; for EdDSA with the keys of ``identity``.
        """
        settings = self._settings
        issuer, audience = settings.jwt_issuer, settings.jwt_audience
        if settings.jwt_algorithm == "HS256" and settings.jwt_secret_key is not None:
            secret = settings.jwt_secret_key.get_secret_value()
            return TokenVerifier.hs256(secret, issuer=issuer, audience=audience)

        async def fetch() -> bytes:
            return (await identity.get(JWKS_PATH)).content

        keys = JwksKeys(fetch, on_failure=self._failures.labels("jwks").inc)
        Gauge(
            "auth_keys_age_seconds",
            "Since identity's keys were last fetched",
            registry=self._telemetry.registry,
        ).set_function(lambda: keys.age_s)
        self._closing.append(keys.aclose)
        return TokenVerifier.eddsa(keys, issuer=issuer, audience=audience)

    def service_token(
        self, identity: ServiceClient, *, client_id: str, secret: str
    ) -> ServiceToken:
        """
        This service's own token: what ``to(authorize=...)`` takes.
        """
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}

        async def fetch() -> bytes:
            return (await identity.post(TOKEN_PATH, form=form)).content

        token = ServiceToken(fetch, on_failure=self._failures.labels("service-token").inc)
        self._closing.append(token.aclose)
        return token

    def own_token(
        self, identity: ServiceClient, settings: ServiceClientSettings
    ) -> ServiceToken | None:
        """
        The token of the client that ``settings`` name; None where they hold no secret.
        """
        if settings.service_client_secret is None:
            return None
        secret = settings.service_client_secret.get_secret_value()
        return self.service_token(identity, client_id=settings.own_client_id, secret=secret)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Closes everything that was made here, the last first.
        """
        try:
            yield
        finally:
            async with AsyncExitStack() as stack:
                for close in self._closing:
                    stack.push_async_callback(close)

    def checks(self) -> list[HealthCheck]:
        """
        Each upstream made so far, for ``/health``: healthy while its breaker is closed.

        None is required, and none is called: a service behind this one that hangs neither delays
        the answer to a probe nor takes this one out of its balancer.
        """
        return [
            HealthCheck(client.name, _closed(client), is_required=False) for client in self._clients
        ]

    def details(self) -> JsonValue:
        """
        The state of each client's breaker.
        """
        return breaker_details(self._clients)()


def _closed(client: ServiceClient) -> Callable[[], Awaitable[None]]:
    async def ping() -> None:
        state = client.breaker.snapshot()
        if state.state != "closed":
            raise CircuitOpen(client.name, retry_after_s=state.retry_after_s)

    return ping

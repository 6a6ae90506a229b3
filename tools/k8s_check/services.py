"""
Our services as the manifests must know them: their settings, their ports, and who calls whom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.settings import Settings as GatewaySettings
from identity.settings import Settings as IdentitySettings
from inventory.settings import Settings as InventorySettings
from pricing.settings import Settings as PricingSettings
from servicekit.serving.server import LAST_S
from servicekit.settings import ServiceSettings

#: After the requests' drain: sagas are handed over within 5 s, what hangs is ended after ``LAST_S``, and the process goes.
ENDING_S: Final = LAST_S + 2.0


@dataclass(frozen=True, slots=True)
class Service:
    """
    A service. ``needed`` must be set, ``secrets`` come by file, beside what the settings require themselves.
    """

    settings: type[ServiceSettings]
    commands: frozenset[str]
    secrets: frozenset[str]
    needed: frozenset[str] = frozenset()


_COMMANDS: Final = frozenset({"serve", "migrate", "migrated"})

SERVICES: Final[Mapping[str, Service]] = {
    "api-gateway": Service(
        GatewaySettings,
        _COMMANDS,
        secrets=frozenset({"database_url", "service_client_secret"}),
        # Without them it believes no proxy, calls 127.0.0.1, and replicas go by the same name.
        needed=frozenset(
            {
                "identity_service_url",
                "inventory_service_url",
                "pricing_service_url",
                "replica_name",
            }
        ),
    ),
    "inventory-service": Service(
        InventorySettings,
        _COMMANDS | {"seed"},
        secrets=frozenset({"database_url"}),
        needed=frozenset({"identity_service_url"}),
    ),
    "pricing-service": Service(
        PricingSettings,
        _COMMANDS | {"seed"},
        secrets=frozenset({"database_url", "redis_url"}),
        needed=frozenset({"identity_service_url"}),
    ),
    "identity-service": Service(
        IdentitySettings,
        _COMMANDS | {"seed"},
        secrets=frozenset({"database_url", "identity_key_secret"}),
        # Else everybody's failed sign-ins are the gateway's.
        needed=frozenset({"trusted_proxies"}),
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """
    That ``caller`` opens connections to a port of ``callee``. ``*`` is anybody outside.
    """

    caller: str
    callee: str
    port: int

    def __str__(self) -> str:
        return f"{self.caller} to {self.callee}:{self.port}"


#: Who calls whom among our servers; docs/operations.md tells for what. Nothing else is open.
CALLS: Final = frozenset(
    {
        Way("*", "api-gateway", 8000),
        Way("api-gateway", "inventory-service", 8001),
        Way("api-gateway", "pricing-service", 8002),
        Way("api-gateway", "identity-service", 8003),
        Way("inventory-service", "identity-service", 8003),
        Way("pricing-service", "identity-service", 8003),
    }
)
#: What servers and their Jobs keep things in, by service.
STORES: Final = frozenset(
    {
        *(Way(service, "postgres", 5432) for service in SERVICES),
        Way("pricing-service", "redis", 6379),
    }
)
#: Where the cluster's names are looked up: both are asked, the second for long answers.
NAMES: Final = ("kube-dns of kube-system", ("53 by UDP", "53"))
#: What an overlay may open besides, by what is at the other end, as the policies name it.
COLLECTOR: Final = ("otel-collector of observability", "4318")
SCRAPER: Final = "prometheus of monitoring"

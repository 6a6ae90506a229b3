"""
What the demo runs: one row a service. Adding a service is adding a row.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.demo.secrets_file import DemoSecrets
from tools.demo.settings import DemoSettings

ROOT = Path(__file__).resolve().parents[2]

SettingsOf = Callable[[DemoSecrets], Mapping[str, str]]


def _nothing(_secrets: DemoSecrets) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Service:
    """
    How a service is prepared and started.

    ``program`` is what Python runs; ``settings`` go to each of its commands, ``seed_settings``
    to the preparations only. When something in the folders ``sources`` changes, the service
    is prepared anew.
    """

    name: str
    program: tuple[str, ...]
    port_offset: int
    preparations: tuple[str, ...] = ("migrate",)
    sources: tuple[Path, ...] = ()
    secrets: tuple[str, ...] = ()
    settings: SettingsOf = _nothing
    seed_settings: SettingsOf = _nothing

    def port(self, demo: DemoSettings) -> int:
        """
        The port it listens on.
        """
        return demo.port_base + self.port_offset

    def address(self, demo: DemoSettings) -> str:
        """
        Where it answers.
        """
        return f"http://{demo.host}:{self.port(demo)}"

    def database(self, demo: DemoSettings) -> Path:
        """
        Its SQLite file.
        """
        return demo.folder / f"{self.name.replace('-', '_')}.db"


DEMO_USERS = ("shopper", "merchant", "admin")
SERVICE_CLIENTS = ("api-gateway", "inventory-service", "pricing-service")


def _identity_settings(secrets: DemoSecrets) -> Mapping[str, str]:
    # The gateway calls from here and says for whom; else one stranger's failed sign-ins were everybody's.
    return {"IDENTITY_KEY_SECRET": secrets["identity-key"], "TRUSTED_PROXIES": "127.0.0.1"}


def _gateway_settings(secrets: DemoSecrets) -> Mapping[str, str]:
    return {
        # Guests may order in the demo.
        "ANONYMOUS_SCOPES": "read,write",
        "SERVICE_CLIENT_SECRET": secrets["client/api-gateway"],
    }


def _identity_seed(secrets: DemoSecrets) -> Mapping[str, str]:
    passwords = secrets.below("password/")
    return {
        **{f"SEED_{user.upper()}_PASSWORD": password for user, password in passwords.items()},
        "SEED_CLIENTS": json.dumps(secrets.below("client/")),
    }


#: Offsets: the gateway +0, inventory +1, pricing +2, identity +3.
SERVICES: tuple[Service, ...] = (
    Service(
        name="api-gateway",
        program=("-m", "gateway"),
        port_offset=0,
        sources=(ROOT / "api-gateway" / "src", ROOT / "service-kit" / "src"),
        settings=_gateway_settings,
    ),
    Service(
        name="identity-service",
        program=("-m", "identity"),
        port_offset=3,
        preparations=("migrate", "seed"),
        sources=(ROOT / "identity-service" / "src", ROOT / "service-kit" / "src"),
        secrets=(
            "identity-key",
            *(f"password/{user}" for user in DEMO_USERS),
            *(f"client/{client}" for client in SERVICE_CLIENTS),
        ),
        settings=_identity_settings,
        seed_settings=_identity_seed,
    ),
    Service(
        name="inventory-service",
        program=("-m", "inventory"),
        port_offset=1,
        preparations=("migrate", "seed"),
        sources=(ROOT / "inventory-service" / "src", ROOT / "service-kit" / "src"),
    ),
    Service(
        name="pricing-service",
        program=("-m", "pricing"),
        port_offset=2,
        preparations=("migrate", "seed"),
        sources=(ROOT / "pricing-service" / "src", ROOT / "service-kit" / "src"),
    ),
)


def secret_names(services: tuple[Service, ...]) -> tuple[str, ...]:
    """
    Every secret that the table asks for.
    """
    return tuple(name for service in services for name in service.secrets)


def environment(
    service: Service,
    services: tuple[Service, ...],
    demo: DemoSettings,
    secrets: DemoSecrets,
    *,
    seeding: bool,
) -> dict[str, str]:
    """
    The whole environment of one of the service's commands; its only way to learn a secret.
    """
    return {
        **demo.inherited,
        "PYTHONUNBUFFERED": "1",
        "SERVICE_HOST": demo.host,
        "SERVICE_PORT": str(service.port(demo)),
        "DATABASE_URL": f"sqlite:///{service.database(demo)}",
        "LOG_FORMAT": demo.log_format,
        "LOG_LEVEL": demo.log_level,
        "DRAIN_TIMEOUT_SECONDS": str(demo.stop_within_s / 2),
        **{f"{_variable(other.name)}_URL": other.address(demo) for other in services},
        **service.settings(secrets),
        **(service.seed_settings(secrets) if seeding else {}),
    }


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")

"""
The composition root of the identity service: what it is made of, and what it serves where.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from identity.clients.routes import clients_router
from identity.keys.routes import keys_router
from identity.passwords import HashCost
from identity.settings import Settings
from identity.tokens.routes import OPEN_PATHS, Grants, tokens_router
from identity.users.routes import users_router
from identity.wiring import Services, build_services
from servicekit.app import create_service
from servicekit.clock import Now, utc_now
from servicekit.health import HealthCheck
from servicekit.maintenance import Maintenance, Task
from servicekit.telemetry import Telemetry

#: The same routes stand under each.
PREFIXES = ("", "/api/v1")


def create_app(
    settings: Settings, *, now: Now = utc_now, hash_cost: HashCost | None = None
) -> FastAPI:
    """
    The application. ``now`` and ``hash_cost`` stand in for the clock and the settings' cost.
    """
    telemetry = Telemetry.configured(settings)
    services = build_services(settings, telemetry=telemetry, now=now, hash_cost=hash_cost)
    maintenance = Maintenance(
        _tasks(services),
        interval_s=settings.maintenance_interval_seconds,
        runs=telemetry.task_runs,
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with services.opened(), maintenance.running():
            yield

    return create_service(
        settings,
        title="Identity",
        description="Users, service clients, tokens and signing keys.",
        verifier=services.verifier,
        routers=[router for prefix in PREFIXES for router in _routers(services, prefix, now)],
        resources=[running],
        checks=[HealthCheck("database", services.database.ping)],
        open_paths=[prefix + path for prefix in PREFIXES for path in OPEN_PATHS],
        telemetry=telemetry,
    )


def _routers(services: Services, prefix: str, now: Now) -> list[APIRouter]:
    grants = Grants(services.tokens, services.sign_in, services.clients)
    return [
        tokens_router(prefix, grants, services.revocation),
        users_router(prefix, services.users),
        clients_router(prefix, services.clients),
        keys_router(prefix, services.keys, now=now),
    ]


def _tasks(services: Services) -> dict[str, Task]:
    tasks: dict[str, Task] = {
        "forget-ended-tokens": services.revocation.forget_expired,
        "forget-failed-sign-ins": services.throttle.forget_old,
    }
    if services.keys is not None:
        tasks["rotate-keys"] = services.keys.rotate_if_due
        tasks["erase-retired-keys"] = services.keys.erase_retired
    return tasks

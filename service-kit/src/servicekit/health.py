"""
How a service tells its state: ``/health`` for people and dashboards,
``/health/live`` and ``/health/ready`` for probes.

A dependency that a service cannot work without makes it *unhealthy* (503) when
it is gone; one that it can do without makes it *degraded* (200). Checks run side by side,
each within a bound, and their result is kept for a moment, so that probing hard costs little.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Gauge
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

from servicekit.auth import PUBLIC
from servicekit.serving.lifecycle import Lifecycle, Phase
from servicekit.unharmed import Unharmed

CHECK_TIMEOUT_S = 1.0
RESULT_KEPT_S = 1.0
_PAGE_BYTES = resource.getpagesize()
_STATM = Path("/proc/self/statm")

_EXAMPLE: JsonDict = {
    "service": "sample-service",
    "status": "degraded",
    "version": "1.4.0",
    "port": 8001,
    "timestamp": "2026-11-03T09:30:00Z",
    "dependencies": {"database": "healthy", "redis": "unhealthy"},
    "metrics": {"uptime_seconds": 86400.0, "active_connections": 3, "memory_usage_mb": 92.5},
    "details": {},
}

log = structlog.get_logger()

DependencyState = Literal["healthy", "unhealthy"]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """
    A dependency and how to ask after it; ``ping`` raises when it is not well.
    """

    name: str
    ping: Callable[[], Awaitable[object]]
    is_required: bool = True


class Metrics(BaseModel):
    """
    How busy the process is.
    """

    uptime_seconds: float
    active_connections: Annotated[int, Field(description="Requests in progress")]
    memory_usage_mb: Annotated[float, Field(description="Resident memory")]


class Health(BaseModel):
    """
    The state of a service.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    service: str
    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    port: int
    timestamp: datetime
    dependencies: dict[str, DependencyState]
    metrics: Metrics
    details: Annotated[
        dict[str, JsonValue], Field(description="What parts of the service tell of themselves")
    ] = {}


class Probe(BaseModel):
    """
    The answer to a probe.
    """

    status: Annotated[
        Literal["alive", "ready", "starting", "draining", "unhealthy"], Field(examples=["ready"])
    ]


class Checks:
    """
    Runs the checks, all at once, at most once in a moment whoever asks.
    """

    def __init__(
        self,
        checks: Sequence[HealthCheck],
        *,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = tuple(checks)
        self._found = Gauge(
            "dependency_healthy",
            "1: well when it was last asked after, by a probe or for /health; 0: not",
            ("dependency",),
            registry=registry,
        )
        self._clock = clock
        self._lock = asyncio.Lock()
        self._results: dict[str, DependencyState] = {}
        self._kept_until = -1.0

    async def results(self) -> Mapping[str, DependencyState]:
        """
        Each dependency's state, at most a moment old.
        """
        async with self._lock:
            if self._clock() >= self._kept_until:
                states = await asyncio.gather(*(self._ask(check) for check in self._checks))
                self._results = {
                    check.name: state for check, state in zip(self._checks, states, strict=True)
                }
                for name, state in self._results.items():
                    self._found.labels(name).set(state == "healthy")
                self._kept_until = self._clock() + RESULT_KEPT_S
            return self._results

    def is_missing_required(self, results: Mapping[str, DependencyState]) -> bool:
        """
        Whether something is gone that the service cannot work without.
        """
        return any(c.is_required and results[c.name] == "unhealthy" for c in self._checks)

    async def _ask(self, check: HealthCheck) -> DependencyState:
        # Whatever a check raises, its dependency is not well.
        with Unharmed(partial(_tell_unwell, check.name)):
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check.ping()
            return "healthy"
        return "unhealthy"


def _tell_unwell(dependency: str, error: Exception) -> None:
    log.warning("health.check_failed", dependency=dependency, reason=type(error).__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """
    What a service says it is.
    """

    service: str
    version: str
    port: int


def health_router(
    identity: Identity,
    lifecycle: Lifecycle,
    checks: Checks,
    details: Mapping[str, Callable[[], JsonValue]],
) -> APIRouter:
    """
    The three routes.
    """
    router = APIRouter(tags=["health"], dependencies=[PUBLIC])

    @router.get(
        "/health",
        summary="The state of the service and of what it depends on",
        responses={503: {"model": Health, "description": "It cannot do its own work"}},
    )
    async def health(response: Response) -> Health:
        results = await checks.results()
        status: Literal["healthy", "degraded", "unhealthy"] = "healthy"
        if checks.is_missing_required(results):
            status = "unhealthy"
            _unavailable(response)
        elif "unhealthy" in results.values():
            status = "degraded"
        return Health(
            service=identity.service,
            status=status,
            version=identity.version,
            port=identity.port,
            timestamp=datetime.now(UTC),
            dependencies=dict(results),
            metrics=Metrics(
                uptime_seconds=round(lifecycle.uptime_s, 3),
                active_connections=lifecycle.active_requests,
                memory_usage_mb=round(resident_bytes() / 2**20, 1),
            ),
            details={name: tell() for name, tell in details.items()},
        )

    @router.get("/health/live", summary="Whether the process answers at all")
    async def live() -> Probe:
        return Probe(status="alive")

    @router.get(
        "/health/ready",
        summary="Whether traffic should be sent here",
        responses={503: {"model": Probe, "description": "Not now"}},
    )
    async def ready(response: Response) -> Probe:
        if lifecycle.phase != "serving":
            _unavailable(response)
            return Probe(status=_not_serving(lifecycle.phase))
        if checks.is_missing_required(await checks.results()):
            _unavailable(response)
            return Probe(status="unhealthy")
        return Probe(status="ready")

    return router


def _not_serving(phase: Phase) -> Literal["starting", "draining"]:
    return "draining" if phase == "draining" else "starting"


def _unavailable(response: Response) -> None:
    response.status_code = 503
    response.headers["Retry-After"] = "1"


def resident_bytes() -> int:
    """
    The memory that this process holds; its peak where the system tells no more.
    """
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

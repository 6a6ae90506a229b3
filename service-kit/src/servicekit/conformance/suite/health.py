"""
Whether the service tells its state, to people and to probes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from servicekit.conformance.answers import DEADLINE, object_of
from servicekit.conformance.check import check
from servicekit.conformance.description import OPEN_PATHS, JsonObject, mapping
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import expect

_ROUTER: Final = "Build the application by create_service(): it brings the health routes along. "
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "service": str,
    "status": str,
    "version": str,
    "port": int,
    "timestamp": str,
    "dependencies": dict,
    "metrics": dict,
}
_METRICS: Final = ("uptime_seconds", "active_connections", "memory_usage_mb")


@check(mend=_ROUTER + "Dependencies show by create_service(checks=[HealthCheck(name, ping), ...]).")
async def health_tells_the_state(subject: Subject) -> None:
    """
    GET /health names the service, its state, and every dependency with its own state.
    """
    answer = await subject.ask("GET", "/health")
    expect(answer.status in {200, 503}, seen=f"/health answers {answer}", expected="200 or 503")
    health = object_of(answer)
    faults = [name for name, kind in _TYPES.items() if not _is(health.get(name), kind)]
    metrics = mapping(health.get("metrics"))
    faults += [f"metrics.{name}" for name in _METRICS if not _is(metrics.get(name), (int, float))]
    if not _is_moment(health.get("timestamp")):
        faults.append("timestamp (ISO 8601 with its offset)")
    expect(
        not faults,
        seen=f"missing or of a wrong type: {', '.join(faults)}",
        expected=f"/health with {', '.join(_TYPES)}",
    )


@check(
    mend=_ROUTER
    + "Name what the service cannot work without by HealthCheck(..., is_required=True), "
    "and what it can do without by is_required=False."
)
async def status_follows_from_dependencies(subject: Subject) -> None:
    """
    /health is 503 exactly when it says unhealthy, and healthy only when every dependency is.
    """
    answer = await subject.ask("GET", "/health")
    health = object_of(answer)
    status = health.get("status")
    states = set(map(str, mapping(health.get("dependencies")).values()))
    expect(
        status in {"healthy", "degraded", "unhealthy"} and states <= {"healthy", "unhealthy"},
        seen=f"status {status!r} with dependencies {sorted(states)}",
        expected="healthy, degraded or unhealthy; of a dependency healthy or unhealthy",
    )
    expect(
        (status == "unhealthy") == (answer.status == 503),
        seen=f"{answer.status} with status {status!r}",
        expected="503 for unhealthy, 200 otherwise",
    )
    expect(
        (status == "healthy") == ("unhealthy" not in states),
        seen=f"status {status!r} with dependencies {sorted(states)}",
        expected="healthy exactly where no dependency is unhealthy",
    )


@check(mend=_ROUTER + "Liveness asks no dependency: it only tells that the process answers.")
async def live_answers(subject: Subject) -> None:
    """
    GET /health/live is 200 whenever the process answers at all.
    """
    answer = await subject.ask("GET", "/health/live")
    expect(
        answer.status == 200 and object_of(answer).get("status") == "alive",
        seen=f"/health/live answers {answer}",
        expected='200 with {"status": "alive"}',
    )


@check(mend=_ROUTER + "Readiness follows the same checks as /health.")
async def ready_answers(subject: Subject) -> None:
    """
    GET /health/ready is 200 where the service can do its work, else 503 with Retry-After.
    """
    answer = await subject.ask("GET", "/health/ready")
    content: JsonObject = object_of(answer)
    is_ready = answer.status == 200 and content.get("status") == "ready"
    is_not = answer.status == 503 and answer.header("retry-after") is not None
    expect(
        is_ready or is_not,
        seen=f"/health/ready answers {answer}",
        expected='200 with {"status": "ready"}, or 503 with Retry-After',
    )
    health = await subject.ask("GET", "/health")
    expect(
        is_ready == (health.status == 200),
        seen=f"/health/ready is {answer.status} while /health is {health.status}",
        expected="ready exactly where /health is not unhealthy",
    )


@check(
    mend="Exempt servicekit.app.OPEN_PATHS from authentication and from deadlines, "
    "as create_service() does: a service must always be able to say how it is."
)
async def probes_are_open_to_everybody(subject: Subject) -> None:
    """
    Health, metrics and documentation answer whatever token or deadline comes along.
    """
    headers = [("Authorization", "Bearer not-a-token"), (DEADLINE, "0")]
    for path in sorted(OPEN_PATHS):
        answer = await subject.ask("GET", path, headers=headers)
        bare = await subject.ask("GET", path)
        expect(
            answer.status == bare.status,
            seen=f"{path} with a bad token and no time left answers {answer}",
            expected=f"{bare.status}, as without",
        )


def _is(value: JsonValue, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_moment(value: JsonValue) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False

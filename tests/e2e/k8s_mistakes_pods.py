"""
Mistakes in what a pod may do, is given and is asked; a part of the table in `k8s_mistakes`.
"""

from typing import Final

from tests.e2e.k8s_manifests import GONE, Change

_POD: Final = "spec/template/spec"
_SERVER: Final = f"{_POD}/containers/0"
_GATEWAY: Final = "Deployment api-gateway"


def _volume(*sources: object) -> Change:
    return Change(
        _GATEWAY, f"{_POD}/volumes/0", {"name": "tmp", "projected": {"sources": list(sources)}}
    )


#: In the overlay local.
MISTAKES: Final = {
    "a token that comes as a volume": (
        _volume({"serviceAccountToken": {"path": "token"}}),
        "the volume tmp must not project a serviceAccountToken",
    ),
    "another's Secret": (
        Change(_GATEWAY, f"{_POD}/volumes/1/secret/secretName", "identity-service-secrets"),
        "the Secret identity-service-secrets is not its own",
    ),
    "another's Secret beside its own": (
        _volume({"secret": {"name": "postgres-secrets"}}),
        "the Secret postgres-secrets is not its own",
    ),
    "another's ServiceAccount": (
        Change(_GATEWAY, f"{_POD}/serviceAccountName", "identity-service"),
        "the ServiceAccount identity-service is not its own",
    ),
    "a volume of nothing": (
        Change(_GATEWAY, f"{_POD}/volumes/0/emptyDir", GONE),
        "the volume tmp is of nothing",
    ),
    "pods that are spread by no labels": (
        Change(_GATEWAY, f"{_POD}/topologySpreadConstraints/0/labelSelector", GONE),
        "a topologySpreadConstraint does not select its pods",
    ),
    "a container that may call the kernel as it likes": (
        Change(_GATEWAY, f"{_SERVER}/securityContext/seccompProfile", {"type": "Unconfined"}),
        "must not have a seccompProfile of its own",
    ),
    "a container that sees all of /proc": (
        Change(_GATEWAY, f"{_SERVER}/securityContext/procMount", "Unmasked"),
        "must see /proc as every container does",
    ),
    "a container in root's group": (
        Change(_GATEWAY, f"{_SERVER}/securityContext/runAsGroup", 0),
        "must not run as root",
    ),
    "volumes of root's group": (
        Change(_GATEWAY, f"{_POD}/securityContext/fsGroup", 0),
        "its groups must be its own, and not root's",
    ),
    "root's group besides": (
        Change(_GATEWAY, f"{_POD}/securityContext/supplementalGroups", [0]),
        "its groups must be its own, and not root's",
    ),
    "secrets for everybody": (
        Change(_GATEWAY, f"{_POD}/volumes/1/secret/defaultMode", 0o777),
        "the files of the volume secrets are open: 0777",
    ),
    "secrets as everybody has them": (
        Change(_GATEWAY, f"{_POD}/volumes/1/secret", {"secretName": "api-gateway-secrets"}),
        "the files of the volume secrets are open: 0644",
    ),
    "a secret that need not be there": (
        Change(_GATEWAY, f"{_POD}/volumes/1/secret/optional", True),
        "the volume secrets must not be optional",
    ),
    "settings that need not be there": (
        Change(_GATEWAY, f"{_SERVER}/envFrom/0/configMapRef/optional", True),
        "the ConfigMap api-gateway-settings must not be optional",
    ),
    "a secret that never changes": (
        Change(_GATEWAY, f"{_SERVER}/volumeMounts/0/subPath", "database_url"),
        "mounts a subPath of secrets",
    ),
    "names that a pod makes up": (
        Change(_GATEWAY, f"{_POD}/hostAliases", [{"ip": "192.0.2.7", "hostnames": ["redis"]}]),
        "must not have hostAliases",
    ),
    "containers that see each other's processes": (
        Change(_GATEWAY, f"{_POD}/shareProcessNamespace", True),
        "must not have shareProcessNamespace",
    ),
    "a Secret to read among manifests": (
        Change("Secret redis-secrets", "stringData", {"redis_password": "s3cret"}),
        "Secret redis-secrets: secrets do not stand among manifests",
    ),
    "a time that is no number": (
        Change("ConfigMap api-gateway-settings", "data/DRAIN_TIMEOUT_SECONDS", "twenty"),
        "DRAIN_TIMEOUT_SECONDS: Input should be a valid number",
    ),
    "a wait that is no number": (
        Change(_GATEWAY, f"{_POD}/initContainers/0/args", ["migrated", "--within", "long"]),
        "waits for its migration as long as long, which is no number",
    ),
    "a pod without containers": (
        Change(_GATEWAY, f"{_POD}/containers", []),
        "Deployment api-gateway: has no container",
    ),
    "an update that can never begin": (
        Change(_GATEWAY, "spec/strategy/rollingUpdate/maxSurge", 0),
        "maxSurge 0 leaves an update no pod to begin with",
    ),
    "a request above its limit": (
        Change(_GATEWAY, f"{_SERVER}/resources/requests/cpu", "1500m"),
        "requests more cpu than its limit",
    ),
    "half a byte of memory": (
        Change(_GATEWAY, f"{_SERVER}/resources/limits/memory", "512m"),
        "its limits of memory, 512m, must be in Mi or Gi",
    ),
    "memory for nothing": (
        Change(_GATEWAY, f"{_SERVER}/resources/limits/memory", "20Mi"),
        "its limits of memory, 20Mi, are less than a service of ours starts with",
    ),
    "a budget of all": (
        Change("PodDisruptionBudget api-gateway", "spec/maxUnavailable", "100%"),
        "maxUnavailable 100% may let all of 1 pods go",
    ),
    "a budget of more than there are": (
        Change("PodDisruptionBudget api-gateway", "spec/maxUnavailable", 99),
        "maxUnavailable 99 may let all of 1 pods go",
    ),
    "a budget that says nothing": (
        Change("PodDisruptionBudget api-gateway", "spec/maxUnavailable", GONE),
        "says neither how many stay nor how many may go",
    ),
    "an autoscaler without an aim": (
        Change(
            "HorizontalPodAutoscaler api-gateway",
            "spec/metrics/0/resource/target/averageUtilization",
            GONE,
        ),
        "does not say how much cpu is right",
    ),
    "two budgets": (
        Change(
            "PodDisruptionBudget pricing-service",
            "spec/selector/matchLabels/app.kubernetes.io~name",
            "api-gateway",
        ),
        "two PodDisruptionBudgets guard it",
    ),
    "two autoscalers": (
        Change(
            "HorizontalPodAutoscaler pricing-service", "spec/scaleTargetRef/name", "api-gateway"
        ),
        "two autoscalers pull at it",
    ),
    "a drain that is shorter than an order": (
        Change("ConfigMap api-gateway-settings", "data/DRAIN_TIMEOUT_SECONDS", "11"),
        "DRAIN_TIMEOUT_SECONDS 11 cuts off who waits 10 s for an order",
    ),
    "a start that is not waited for": (
        Change(_GATEWAY, f"{_SERVER}/startupProbe/failureThreshold", 1),
        "the startupProbe of server gives up after 2 s: 30 to 600 are right",
    ),
    "a restart after one second": (
        Change(
            _GATEWAY,
            f"{_SERVER}/livenessProbe",
            {
                "httpGet": {"path": "/health/live", "port": "http"},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        ),
        "the livenessProbe of server gives up after 1 s: 30 to 300 are right",
    ),
    "an answer that nobody waits for": (
        Change(_GATEWAY, f"{_SERVER}/readinessProbe/timeoutSeconds", 1),
        "the readinessProbe of server waits 1 s for an answer: 2 or more are right",
    ),
    "a probe that speaks TLS": (
        Change(_GATEWAY, f"{_SERVER}/readinessProbe/httpGet/scheme", "HTTPS"),
        "the readinessProbe of server must ask the pod itself, by http",
    ),
    "a probe of another host": (
        Change(_GATEWAY, f"{_SERVER}/livenessProbe/httpGet/host", "example.com"),
        "the livenessProbe of server must ask the pod itself, by http",
    ),
    "a release that is never rolled out": (
        Change(_GATEWAY, "spec/paused", True),
        "is paused: nothing of it would run",
    ),
    "a migration that is never begun": (
        Change("Job pricing-service-migrate", "spec/suspend", True),
        "is suspended: nothing of it would run",
    ),
    "a migration that is ended in its work": (
        Change("Job pricing-service-migrate", "spec/activeDeadlineSeconds", 1),
        "activeDeadlineSeconds 1 ends it in its work",
    ),
    "a command in the place of the image's": (
        Change(_GATEWAY, f"{_SERVER}/command", ["sleep"]),
        "must not have a command",
    ),
    "no pods": (
        Change("Deployment identity-service", "spec/replicas", 0),
        "Deployment identity-service: has no pods",
    ),
}

#: In what only the overlay production has.
IN_PRODUCTION: Final = {
    "a budget of all three": (
        Change("PodDisruptionBudget identity-service", "spec/maxUnavailable", 3),
        "maxUnavailable 3 may let all of 3 pods go",
    ),
}

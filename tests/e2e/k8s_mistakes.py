"""
One mistake in the manifests each, and what `make k8s-check` must say of it.

Those of the network and of pods stand in files of their own. The file is long so that the others stand on one page: what
is not here is not known to be noticed.
"""

from typing import Final

from tests.e2e import k8s_mistakes_network, k8s_mistakes_pods
from tests.e2e.k8s_manifests import GONE, Change

POD: Final = "spec/template/spec"
SERVER: Final = f"{POD}/containers/0"

#: In the overlay local.
MISTAKES: Final = {
    **k8s_mistakes_network.MISTAKES,
    **k8s_mistakes_pods.MISTAKES,
    "a field that Kubernetes does not know": (
        Change("Deployment api-gateway", f"{SERVER}/livenessprobe", {}),
        "'livenessprobe' was unexpected",
    ),
    "a quantity that is none": (
        Change("Deployment api-gateway", f"{SERVER}/resources/limits/memory", "512Mib"),
        "resources.limits.memory",
    ),
    "an API version that is gone": (
        Change("PodDisruptionBudget api-gateway", "apiVersion", "policy/v1beta1"),
        "no schema of Kubernetes 1.37",
    ),
    "a Deployment that does not know its pods": (
        Change("Deployment api-gateway", "spec/selector/matchLabels/app.kubernetes.io~name", "api"),
        "its selector does not select its own pods",
    ),
    "a Deployment that takes a Job's pods": (
        Change(
            "Deployment api-gateway",
            "spec/selector",
            {"matchLabels": {"app.kubernetes.io/name": "api-gateway"}},
        ),
        "its selector selects the pods of Job api-gateway-migrate",
    ),
    "a Service that selects nobody": (
        Change("Service pricing-service", "spec/selector/app.kubernetes.io~name", "prices"),
        "Service pricing-service: selects no pod",
    ),
    "a Service that selects a migration": (
        Change("Service pricing-service", "spec/selector/app.kubernetes.io~component", GONE),
        "selects the pods of Job pricing-service-migrate",
    ),
    "a Service to a port that nobody has": (
        Change("Service identity-service", "spec/ports/0/targetPort", 8000),
        "Deployment identity-service has no port 8000",
    ),
    "a Service under another name": (
        Change("Service inventory-service", "metadata/name", "inventory"),
        "INVENTORY_SERVICE_URL leads to http://inventory-service:8001, where no Service",
    ),
    "a volume that is not there": (
        Change("Deployment api-gateway", f"{POD}/volumes/0", GONE),
        "which is no volume",
    ),
    "a volume for nobody": (
        Change("Deployment api-gateway", f"{SERVER}/volumeMounts/0/name", "tmp"),
        "lacks the secret database_url",
    ),
    "a ConfigMap that is not there": (
        Change("ConfigMap api-gateway-settings", "", GONE),
        "there is no ConfigMap api-gateway-settings",
    ),
    "a Secret that is not there": (
        Change("Secret pricing-service-secrets", "", GONE),
        "there is no Secret pricing-service-secrets",
    ),
    "a Secret without what is needed": (
        Change("Secret identity-service-secrets", "data/identity_key_secret", GONE),
        "lacks the secret identity_key_secret",
    ),
    "a Secret with what is no setting": (
        Change("Secret api-gateway-secrets", "data/databaze_url", "eA=="),
        "the secret databaze_url is no setting of api-gateway",
    ),
    "a ServiceAccount that is not there": (
        Change("Deployment redis", f"{POD}/serviceAccountName", "rediss"),
        "there is no ServiceAccount rediss",
    ),
    "a namespace that nobody has made": (
        Change("Deployment redis", "metadata/namespace", "default"),
        "its namespace, default, is not declared",
    ),
    "an autoscaler for nobody": (
        Change("HorizontalPodAutoscaler api-gateway", "spec/scaleTargetRef/name", "gateway"),
        "there is no Deployment gateway to scale",
    ),
    "replicas beside an autoscaler": (
        Change("Deployment api-gateway", "spec/replicas", 3),
        "an autoscaler rules its replicas",
    ),
    "an autoscaler with nothing to measure by": (
        Change("Deployment api-gateway", f"{SERVER}/resources/requests/cpu", GONE),
        "requests no cpu to be measured by",
    ),
    "an autoscaler whose least is more than its most": (
        Change("HorizontalPodAutoscaler api-gateway", "spec/minReplicas", 9),
        "minReplicas 9 is more than maxReplicas",
    ),
    "a budget that lets no pod go": (
        Change("PodDisruptionBudget api-gateway", "spec/maxUnavailable", 0),
        "lets no pod go",
    ),
    "a budget that leaves no room": (
        Change(
            "PodDisruptionBudget identity-service",
            "spec",
            {
                "minAvailable": 1,
                "selector": {
                    "matchLabels": {
                        "app.kubernetes.io/name": "identity-service",
                        "app.kubernetes.io/component": "server",
                    }
                },
            },
        ),
        "minAvailable 1 leaves no room with 1 pods",
    ),
    "no budget": (
        Change("PodDisruptionBudget api-gateway", "", GONE),
        "no PodDisruptionBudget guards it",
    ),
    "an update that takes pods first": (
        Change("Deployment api-gateway", "spec/strategy/rollingUpdate/maxUnavailable", 1),
        "must take no pod before its successor is ready",
    ),
    "pods that are not spread": (
        Change("Deployment api-gateway", f"{POD}/topologySpreadConstraints", GONE),
        "are not spread over nodes",
    ),
    "pods that are spread by another's labels": (
        Change(
            "Deployment api-gateway",
            f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels",
            {"app.kubernetes.io/name": "x"},
        ),
        "a topologySpreadConstraint does not select its pods",
    ),
    "a grace that is too short": (
        Change("Deployment api-gateway", f"{POD}/terminationGracePeriodSeconds", 40),
        "must be more than preStop 0 + drain 10 + 20 + 10 for the end",
    ),
    "a drain that outlasts the grace": (
        Change("ConfigMap inventory-service-settings", "data/DRAIN_TIMEOUT_SECONDS", "30"),
        "must be more than preStop 0 + drain 10 + 30 + 10 for the end",
    ),
    "a preStop that outlasts the grace": (
        Change(
            "Deployment api-gateway", f"{SERVER}/lifecycle", {"preStop": {"sleep": {"seconds": 30}}}
        ),
        "must be more than preStop 30 + drain 10 + 20 + 10 for the end",
    ),
    "a stop that is told to nobody": (
        Change("ConfigMap api-gateway-settings", "data/DRAIN_DELAY_SECONDS", "0"),
        "it must serve for 5 s after it was told to stop",
    ),
    "a probe that is missing": (
        Change("Deployment api-gateway", f"{SERVER}/readinessProbe", GONE),
        "the readinessProbe of server must ask /health/ready",
    ),
    "a probe that restarts what waits for its database": (
        Change("Deployment api-gateway", f"{SERVER}/livenessProbe/httpGet/path", "/health/ready"),
        "the livenessProbe of server must ask /health/live",
    ),
    "a probe of another port": (
        Change("Deployment api-gateway", f"{SERVER}/startupProbe/httpGet/port", 8080),
        "the startupProbe of server asks port 8080",
    ),
    "a latest image": (
        Change("Deployment redis", f"{SERVER}/image", "redis:latest"),
        "must have a tag that stays",
    ),
    "an image without a tag": (
        Change("Deployment redis", f"{SERVER}/image", "redis"),
        "must have a tag that stays",
    ),
    "a migration of another release": (
        Change("Job api-gateway-migrate", f"{SERVER}/image", "storefront/api-gateway:0.0.9"),
        "runs storefront/api-gateway:0.0.9, and its server storefront/api-gateway:0.1.0",
    ),
    "a Job that the next release would have to change": (
        Change("Job api-gateway-migrate", "metadata/name", "api-gateway-migrate"),
        "its name must end in -0.1.0",
    ),
    "a version that is told wrongly": (
        Change(
            "Deployment api-gateway",
            "spec/template/metadata/labels/app.kubernetes.io~version",
            "0.2.0",
        ),
        "the label app.kubernetes.io/version must be its image's tag",
    ),
    "no migration": (
        Change("Job inventory-service-migrate", "", GONE),
        "no Job migrates its database",
    ),
    "pods that do not wait for the migration": (
        Change("Deployment api-gateway", f"{POD}/initContainers", GONE),
        "its pods do not wait for the migration",
    ),
    "an update that is given up too early": (
        Change("Deployment api-gateway", "spec/progressDeadlineSeconds", 300),
        "gives its update up before its pods give up waiting",
    ),
    "a Job that is never cleared away": (
        Change("Job identity-service-seed", "spec/ttlSecondsAfterFinished", GONE),
        "has no ttlSecondsAfterFinished",
    ),
    "a namespace that enforces nothing": (
        Change("Namespace storefront", "metadata/labels", {}),
        "must enforce the restricted pod security standard",
    ),
    "a pod that may be root": (
        Change("Deployment redis", f"{POD}/securityContext/runAsNonRoot", GONE),
        "must run as a user of its own",
    ),
    "a pod without seccomp": (
        Change("StatefulSet postgres", f"{POD}/securityContext/seccompProfile", GONE),
        "must have the runtime's seccomp profile",
    ),
    "a pod with the cluster's token": (
        Change("Deployment redis", f"{POD}/automountServiceAccountToken", GONE),
        "must not be given a token of the cluster's",
    ),
    "a pod that is told of every Service": (
        Change("Deployment pricing-service", f"{POD}/enableServiceLinks", GONE),
        "enableServiceLinks must be false",
    ),
    "a pod on its node's network": (
        Change("Deployment redis", f"{POD}/hostNetwork", True),
        "must not have hostNetwork",
    ),
    "a folder of the node": (
        Change(
            "Deployment api-gateway", f"{POD}/volumes/1", {"name": "tmp", "hostPath": {"path": "/"}}
        ),
        "must not be a hostPath",
    ),
    "a scratch folder without a bound": (
        Change("Deployment redis", f"{POD}/volumes/1/emptyDir", {"medium": "Memory"}),
        "the volume tmp has no sizeLimit",
    ),
    "a writable root": (
        Change(
            "Job pricing-service-migrate", f"{SERVER}/securityContext/readOnlyRootFilesystem", GONE
        ),
        "its root file system must be read-only",
    ),
    "a container that may gain privileges": (
        Change("Deployment redis", f"{SERVER}/securityContext/allowPrivilegeEscalation", True),
        "must not be able to gain privileges",
    ),
    "a container with capabilities": (
        Change(
            "Deployment redis", f"{SERVER}/securityContext/capabilities", {"add": ["NET_ADMIN"]}
        ),
        "must drop all capabilities",
    ),
    "a container without a limit": (
        Change("Deployment redis", f"{SERVER}/resources/limits/memory", GONE),
        "has no limits of memory",
    ),
    "a secret in a variable": (
        Change(
            "Deployment api-gateway",
            f"{SERVER}/env",
            [
                {
                    "name": "DATABASE_URL",
                    "valueFrom": {
                        "secretKeyRef": {"name": "api-gateway-secrets", "key": "database_url"}
                    },
                }
            ],
        ),
        "DATABASE_URL must come as a file, being a secret",
    ),
    "a secret in a ConfigMap": (
        Change("ConfigMap api-gateway-settings", "data/SERVICE_CLIENT_SECRET", "s3cret"),
        "SERVICE_CLIENT_SECRET is secret, and must be a file of a Secret",
    ),
    "a setting that there is not": (
        Change("ConfigMap api-gateway-settings", "data/DRAIN_DELAY", "10"),
        "DRAIN_DELAY is no setting of api-gateway",
    ),
    "a value that the service refuses": (
        Change("ConfigMap pricing-service-settings", "data/LOG_LEVEL", "LOUD"),
        "LOG_LEVEL: Input should be",
    ),
    "a setting that is missing": (
        Change("ConfigMap identity-service-settings", "data/TRUSTED_PROXIES", GONE),
        "TRUSTED_PROXIES is not set",
    ),
    "replicas that go by one name": (
        Change("Deployment api-gateway", f"{SERVER}/env/2", GONE),
        "REPLICA_NAME is not set",
    ),
    "a service that listens to itself only": (
        Change("Deployment api-gateway", f"{SERVER}/env/0/value", "127.0.0.1"),
        "SERVICE_HOST must be 0.0.0.0",
    ),
    "a service that listens elsewhere": (
        Change("ConfigMap pricing-service-settings", "data/SERVICE_PORT", "9000"),
        "it listens on 9000, which is no port of its container",
    ),
    "an address that leads to the wrong service's port": (
        Change(
            "ConfigMap api-gateway-settings",
            "data/PRICING_SERVICE_URL",
            "http://pricing-service:8001",
        ),
        "PRICING_SERVICE_URL leads to http://pricing-service:8001, where no Service",
    ),
    "a command that there is not": (
        Change("Job inventory-service-seed", f"{SERVER}/args", ["sow"]),
        "inventory-service has no command sow",
    ),
    "everything open": (
        Change("NetworkPolicy default-deny", "", GONE),
        "no NetworkPolicy closes its ingress",
    ),
    "a way out that is closed": (
        Change("NetworkPolicy api-gateway", "spec/egress/1", GONE),
        "its egress is closed for Deployment pricing-service on 8002",
    ),
    "a way in that is closed": (
        Change("NetworkPolicy inventory-service", "spec/ingress", []),
        "its ingress is closed for Deployment api-gateway on 8001",
    ),
    "a way in on another port": (
        Change("NetworkPolicy inventory-service", "spec/ingress/0/ports/0/port", 8002),
        "its ingress is open for Deployment api-gateway on 8002, which no table says",
    ),
    "a way out that nobody needs": (
        Change("NetworkPolicy pricing-service", "spec/egress/0/ports", []),
        "its egress is open for Deployment identity-service on every port, which no table says",
    ),
    "a way out to the world": (
        Change("NetworkPolicy pricing-service", "spec/egress/0/to", []),
        "its egress is open for everybody on 8003, which no table says",
    ),
    "a way in for whole namespaces": (
        Change("NetworkPolicy postgres", "spec/ingress/0/from", [{"namespaceSelector": {}}]),
        "its ingress is open for pods of every namespace on 5432, which no table says",
    ),
    "a store for those who have none": (
        Change("NetworkPolicy redis", "spec/ingress/0/from/0/podSelector", {}),
        "its ingress is open for Deployment api-gateway on 6379, which no table says",
    ),
    "a policy for nobody": (
        Change(
            "NetworkPolicy to-redis", "spec/podSelector/matchLabels/app.kubernetes.io~name", "x"
        ),
        "NetworkPolicy to-redis: selects no pod",
    ),
    "no names": (
        Change("NetworkPolicy names", "spec/egress/0/ports", [{"port": 5353, "protocol": "UDP"}]),
        "cannot look up names",
    ),
    "a closed shop": (
        Change("NetworkPolicy api-gateway", "spec/ingress", []),
        "its ingress is closed for everybody outside on 8000",
    ),
    "a door to the metrics": (
        Change("Ingress api-gateway", "spec/rules/0/http/paths/0/path", "/"),
        "lets the world in to /metrics",
    ),
    "a door that leads nowhere": (
        Change("Ingress api-gateway", "spec/rules/0/http/paths/0/backend/service/name", "gateway"),
        "there is no Service gateway",
    ),
    "a door to a port that is not there": (
        Change("Ingress api-gateway", "spec/rules/0/http/paths/0/backend/service/port/name", "web"),
        "has no port web",
    ),
    "a host without TLS": (
        Change("Ingress api-gateway", "spec/tls/0/hosts/0", "other.localhost"),
        "storefront.localhost is not served under TLS",
    ),
    "a certificate that nobody has": (
        Change("Ingress api-gateway", "spec/tls/0/secretName", "tls"),
        "there is no Secret tls, and none is expected",
    ),
}

#: In what only the overlay production has.
IN_PRODUCTION: Final = {
    **k8s_mistakes_network.IN_PRODUCTION,
    **k8s_mistakes_pods.IN_PRODUCTION,
    "a store that nobody may reach": (
        Change("NetworkPolicy to-redis", "spec/egress", []),
        "its egress is closed for everybody outside on 6379",
    ),
    "a Prometheus without a way in to its port": (
        Change("NetworkPolicy from-prometheus", "spec/ingress/0/ports", []),
        "its ingress is open for prometheus of monitoring on every port, which no table says",
    ),
    "a monitor that overlooks a service": (
        Change("ServiceMonitor storefront", "spec/selector/matchExpressions/0/values/0", "x"),
        "does not see Deployment api-gateway",
    ),
    "a monitor of another port": (
        Change("ServiceMonitor storefront", "spec/endpoints/0/port", "metrics"),
        "has no port metrics",
    ),
    "a Secret that nobody was told of": (
        Change("Deployment pricing-service", f"{POD}/volumes/0/secret/secretName", "pricing"),
        "there is no Secret pricing, and none is expected",
    ),
}

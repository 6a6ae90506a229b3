"""
The restricted pod security standard and a little more: no token of the cluster's, its own account, secrets as files.
"""

from collections.abc import Iterator
from typing import Final

from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Container, Workload

_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")
_SHARED: Final = ("shareProcessNamespace", "hostAliases", "dnsConfig", "ephemeralContainers")
_GROUPS: Final = ("runAsGroup", "fsGroup")


def check(shop: Shop) -> Iterator[Finding]:
    """
    What a pod may do that it need not.
    """
    for namespace in shop.manifests.of("Namespace"):
        if namespace.labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield Finding(str(namespace), "must enforce the restricted pod security standard")
    for workload in shop.workloads:
        yield from _pod(workload)
        for container in workload.containers:
            yield from _container(workload, container)
            yield from _environment(workload, container)
    for account in shop.manifests.of("ServiceAccount"):
        yield from _account(account)


def _pod(workload: Workload) -> Iterator[Finding]:
    where, pod = str(workload), workload.pod
    context = pod["securityContext"]
    yield from _user(where, context)
    if context.at("seccompProfile", "type").text != "RuntimeDefault":
        yield Finding(where, "must have the runtime's seccomp profile")
    if pod["automountServiceAccountToken"].value is not False:
        yield Finding(where, "must not be given a token of the cluster's")
    if pod["enableServiceLinks"].value is not False:
        what = "enableServiceLinks must be false: variables that are named after Services are no settings"
        yield Finding(where, what)
    for share in (*_HOST, *_SHARED):
        if pod[share].value:
            yield Finding(where, f"must not have {share}")
    account = pod["serviceAccountName"].text
    if account != workload.service:
        yield Finding(where, f"the ServiceAccount {account} is not its own")


def _user(where: str, context: Node) -> Iterator[Finding]:
    if context["runAsNonRoot"].value is not True or context["runAsUser"].text in {"", "0"}:
        yield Finding(where, "must run as a user of its own, and not as root")
    groups = [context[each].text for each in _GROUPS]
    if {"", "0"} & set(groups) or "0" in {each.text for each in context["supplementalGroups"]}:
        yield Finding(where, "its groups must be its own, and not root's")


def _container(workload: Workload, container: Container) -> Iterator[Finding]:
    where = f"{workload}, {container.name}"
    yield from _context(where, container.node["securityContext"])
    for port in container.node["ports"]:
        if port["hostPort"]:
            yield Finding(where, "must not take a port of its node")


def _context(where: str, context: Node) -> Iterator[Finding]:
    if context["allowPrivilegeEscalation"].value is not False or context["privileged"].value:
        yield Finding(where, "must not be able to gain privileges")
    if context["readOnlyRootFilesystem"].value is not True:
        yield Finding(where, "its root file system must be read-only")
    capabilities = context["capabilities"]
    if "ALL" not in {each.text for each in capabilities["drop"]} or any(capabilities["add"]):
        yield Finding(where, "must drop all capabilities")
    users = {context["runAsUser"].text, context["runAsGroup"].text}
    if "0" in users or context["runAsNonRoot"].value is False:
        yield Finding(where, "must not run as root")
    for profile in ("seccompProfile", "appArmorProfile"):
        if context.at(profile, "type").text not in {"", "RuntimeDefault"}:
            yield Finding(where, f"must not have a {profile} of its own")
    if context["procMount"].text not in {"", "Default"}:
        yield Finding(where, "must see /proc as every container does")


def _environment(workload: Workload, container: Container) -> Iterator[Finding]:
    where = f"{workload}, {container.name}"
    for source in container.node["envFrom"]:
        if source["secretRef"]:
            yield Finding(where, "secrets come as files, and not in variables")
    for variable in container.node["env"]:
        if variable.at("valueFrom", "secretKeyRef"):
            yield Finding(where, f"{variable['name'].text} must come as a file, being a secret")


def _account(account: Manifest) -> Iterator[Finding]:
    if account.node["automountServiceAccountToken"].value is not False:
        yield Finding(str(account), "must not hand out its token by itself")

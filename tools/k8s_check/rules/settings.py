"""
Every variable is a setting of the service that gets it, has a value that it accepts, and nothing it needs is missing.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from tools.k8s_check.amounts import is_wide
from tools.k8s_check.environment import SECRETS_FOLDER, secret_files, variables
from tools.k8s_check.services import SERVICES, Service
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Container, Workload

#: Settings that are secret though their type does not say so.
_SECRET_TEXTS: Final = frozenset({"database_url", "redis_url", "seed_clients"})
#: In the place of secrets, which nobody reads here.
_STAND_INS: Final = {
    "database_url": "postgresql://role:password@postgres:5432/name",
    "redis_url": "redis://:password@redis:6379/0",
    "seed_clients": "{}",
}
_SECRET: Final = "a-secret-that-nobody-has-read-here"  # noqa: S105  # as it says
_IN_CLUSTER: Final = frozenset(
    {"identity_service_url", "inventory_service_url", "pricing_service_url"}
)
#: The private network 10.0.0.0/8 is the widest that pods have, and its like among longer addresses.
_WIDEST_BELIEVED: Final = 8


def check(shop: Shop) -> Iterator[Finding]:
    """
    What would stop a start, or let a service start with something else than was meant.
    """
    for workload in shop.workloads:
        service = SERVICES.get(workload.service)
        if service is not None:
            for container in workload.containers:
                yield from _container(shop, workload, container, service)


def _container(
    shop: Shop, workload: Workload, container: Container, service: Service
) -> Iterator[Finding]:
    where = f"{workload}, {container.name}"
    told = variables(shop, container)
    files = secret_files(shop, workload, container)
    command = next((each.text for each in container.node["args"]), "")
    if command not in service.commands:
        yield Finding(where, f"{workload.service} has no command {command or '(none is given)'}")
    yield from _names(where, workload, service, told, files)
    if container.node["command"]:
        yield Finding(where, "must not have a command: the image has the right one")
    if command == "serve":
        yield from _replica(where, container, service)
        yield from _needs(where, service, {name.lower() for name in told})
        yield from _listens(where, workload, container, told)
    yield from _values(where, service, told, files)
    yield from _addresses(shop, where, told)
    yield from _believed(where, told)


def _names(
    where: str,
    workload: Workload,
    service: Service,
    told: Mapping[str, str],
    files: frozenset[str],
) -> Iterator[Finding]:
    known = service.settings.model_fields
    for name in sorted({each.lower() for each in told} - {SECRETS_FOLDER.lower()}):
        if name not in known:
            yield Finding(where, f"{name.upper()} is no setting of {workload.service}")
        elif _is_secret(service.settings, name):
            yield Finding(where, f"{name.upper()} is secret, and must be a file of a Secret")
    for name in sorted(files - known.keys()):
        yield Finding(where, f"the secret {name} is no setting of {workload.service}")
    for name in sorted(service.secrets - files):
        yield Finding(where, f"lacks the secret {name}")


def _is_secret(settings: type[BaseSettings], name: str) -> bool:
    return name in _SECRET_TEXTS or SecretStr.__name__ in str(
        settings.model_fields[name].annotation
    )


def _needs(where: str, service: Service, told: set[str]) -> Iterator[Finding]:
    for name in sorted(service.needed - told):
        yield Finding(where, f"{name.upper()} is not set")


def _replica(where: str, container: Container, service: Service) -> Iterator[Finding]:
    for variable in container.node["env"] if "replica_name" in service.needed else ():
        source = variable.at("valueFrom", "fieldRef", "fieldPath").text
        if variable["name"].text == "REPLICA_NAME" and source != "metadata.name":
            yield Finding(where, "REPLICA_NAME must be the pod's metadata.name, which no other has")


def _listens(
    where: str, workload: Workload, container: Container, told: Mapping[str, str]
) -> Iterator[Finding]:
    fields = SERVICES[workload.service].settings.model_fields
    port = told.get("SERVICE_PORT") or str(fields["service_port"].default)
    if port not in {str(number) for number in container.ports.values()}:
        yield Finding(where, f"it listens on {port}, which is no port of its container")
    if told.get("SERVICE_HOST") != "0.0.0.0":  # noqa: S104  # a pod's own network
        yield Finding(where, "SERVICE_HOST must be 0.0.0.0, or nobody reaches it")


def _values(
    where: str, service: Service, told: Mapping[str, str], files: frozenset[str]
) -> Iterator[Finding]:
    given = {key.lower(): value for key, value in told.items()}
    values: dict[str, object] = {
        **{name: _STAND_INS.get(name, _SECRET) for name in files},
        **{name: given[name] for name in given if name in service.settings.model_fields},
    }
    if "seed_clients" in values:
        values["seed_clients"] = {}
    try:
        _judge(service.settings).model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            name = ".".join(str(each) for each in fault["loc"]).upper() or "its settings"
            yield Finding(where, f"{name}: {fault['msg']}")


class _OnlyWhatIsGiven(BaseSettings):
    """
    Settings that no environment and no file of whoever runs the check has a part in.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """
        The values alone.
        """
        return (init_settings,)


@cache
def _judge(settings: type[BaseSettings]) -> type[BaseSettings]:
    return type(settings.__name__, (_OnlyWhatIsGiven, settings), {"__module__": __name__})


def _addresses(shop: Shop, where: str, told: Mapping[str, str]) -> Iterator[Finding]:
    for name, address in told.items():
        if name.lower() not in _IN_CLUSTER:
            continue
        wanted = name.lower().removesuffix("_url").replace("_", "-")
        service = shop.manifests.find("Service", wanted)
        ports = [each["port"].text for each in service.spec["ports"]] if service else []
        if address.rstrip("/") not in {f"http://{wanted}:{port}" for port in ports}:
            what = f"{name} leads to {address}, where no Service {wanted} listens for http"
            yield Finding(where, what)


def _believed(where: str, told: Mapping[str, str]) -> Iterator[Finding]:
    for text in told.get("TRUSTED_PROXIES", "").split(","):
        if is_wide(text.strip(), _WIDEST_BELIEVED):
            what = f"TRUSTED_PROXIES {text.strip()} believes whoever claims an address"
            yield Finding(where, what)

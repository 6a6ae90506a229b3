"""
``docker-compose.yml`` holds what it promises: hardened containers, closed networks, no secret, names that exist.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from gateway.settings import Settings as GatewaySettings
from identity.settings import Settings as IdentitySettings
from inventory.settings import Settings as InventorySettings
from pricing.settings import Settings as PricingSettings
from servicekit.settings import ServiceSettings, load
from tools.compose.make_secrets import main as make_secrets
from tools.images.runtime_requirements import runtime_requirements

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Callable[..., ServiceSettings]] = {
    "api-gateway": GatewaySettings,
    "inventory-service": InventorySettings,
    "pricing-service": PricingSettings,
    "identity-service": IdentitySettings,
}
#: Who may open a connection to whom, once a shop is up. Whoever shares a network without standing here
#: shares it with somebody whom both must reach.
CALLS = {
    ("api-gateway", "inventory-service"),
    ("api-gateway", "pricing-service"),
    ("api-gateway", "identity-service"),
    ("inventory-service", "identity-service"),
    ("pricing-service", "identity-service"),
    *((service, "postgres") for service in SETTINGS),
    ("pricing-service", "redis"),
}
_VARIABLE = re.compile(r"\$\{[A-Z_]+:-(?P<default>[^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> Mapping[str, dict[str, dict[str, object]]]:
    """
    The file, with the defaults of its variables.
    """
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    read: Mapping[str, dict[str, dict[str, object]]] = yaml.safe_load(
        _VARIABLE.sub(lambda found: found["default"], text)
    )
    return read


Compose = Mapping[str, Mapping[str, Mapping[str, object]]]


def of_ours(compose: Compose) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """
    Each container of a service's image, with that service's name.
    """
    for name, container in compose["services"].items():
        image = re.fullmatch(r"storefront/([a-z-]+):.*", str(container["image"]))
        if image and "entrypoint" not in container:
            yield name, image[1], container


def mapped(value: object) -> Mapping[str, object]:
    """
    What is written as names with values.
    """
    assert isinstance(value, dict)
    return value


def networks(compose: Compose, name: str) -> set[str]:
    """
    The networks of a container.
    """
    listed = compose["services"][name].get("networks")
    assert isinstance(listed, list | dict)
    return set(listed)


def test_every_container_is_hardened_and_bounded(compose: Compose) -> None:
    """
    Read-only root, no capability, no new privileges, an init, bounded log, memory, processors and processes.
    """
    for name, container in compose["services"].items():
        assert container["read_only"] is True, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert "cap_add" not in container, name
        assert container.get("privileged") is None, name
        assert {"logging", "mem_limit", "cpus", "pids_limit", "init"} <= set(container), name
        assert container["restart"] in {"unless-stopped", "no"}, name


def test_only_the_door_is_published_and_only_here(compose: Compose) -> None:
    """
    What is published listens on this machine's loopback only, and is no backend.
    """
    published = {
        name: container["ports"]
        for name, container in compose["services"].items()
        if "ports" in container
    }

    assert "api-gateway" in published
    assert not set(published) & {*SETTINGS, "postgres", "redis"} - {"api-gateway"}
    for ports in published.values():
        assert isinstance(ports, list)
        assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_containers_share_a_network_only_where_one_calls_the_other(compose: Compose) -> None:
    """
    Two of the shop's containers meet on a network of services or of one database, and nowhere else; only
    the gateway's leads outside.
    """
    names = [*SETTINGS, "postgres", "redis"]
    meetings = {
        frozenset((one, other))
        for one in names
        for other in names
        if one != other and (networks(compose, one) & networks(compose, other)) - {"telemetry"}
    }

    # Inventory and pricing meet where identity is; Redis stands on pricing's own, beside its database.
    unavoidable = {
        frozenset(("inventory-service", "pricing-service")),
        frozenset(("postgres", "redis")),
    }
    assert meetings - unavoidable == {frozenset(call) for call in CALLS}
    leading_out = {
        name for name, network in compose["networks"].items() if not network.get("internal")
    }
    assert leading_out == {"front"}
    assert not any("front" in networks(compose, name) for name in names if name != "api-gateway")


def test_identity_believes_gateways_and_nobody_else(compose: Compose) -> None:
    """
    Where somebody signs in from is told by who comes from a network that gateways alone share with identity, by
    whose name there they call it.
    """
    told = {
        mapped(container["environment"])["TRUSTED_PROXIES"]
        for _, of, container in of_ours(compose)
        if of == "identity-service"
    }
    believed = [
        name
        for name, network in compose["networks"].items()
        if {str(one) for one in told} & set(re.findall(r"[\d./]{9,}", str(network.get("ipam"))))
    ]
    there = {
        name: mapped(container["networks"])["accounts"]
        for name, container in compose["services"].items()
        if "accounts" in str(container.get("networks"))
    }
    calling = {
        name: mapped(container["environment"])["IDENTITY_SERVICE_URL"]
        for name, of, container in of_ours(compose)
        if of == "api-gateway" and container["restart"] != "no"
    }

    assert (len(told), believed) == (1, ["accounts"])
    assert set(there) == {"identity-service", *calling}
    assert there["identity-service"] == {"aliases": ["accounts"]}
    assert set(calling.values()) == {"http://accounts:8003"}


def test_a_network_that_leads_nowhere_does_not_lead_to_this_machine(compose: Compose) -> None:
    """
    The machine has no address on an internal network: what listens there on all of its addresses is not
    reached. Both files say the same of what they share.
    """
    watching = yaml.safe_load((ROOT / "observability" / "compose.yaml").read_text())["networks"]

    for networks_of in (compose["networks"], watching):
        for name, network in networks_of.items():
            if network.get("internal"):
                options = network["driver_opts"]
                assert options == {"com.docker.network.bridge.inhibit_ipv4": "true"}, name
    assert watching["telemetry"] == compose["networks"]["telemetry"]


def test_no_role_takes_the_connections_of_the_others(compose: Compose) -> None:
    """
    What the roles may open together is less than PostgreSQL has, and each may open what two replicas need.
    """
    local = ROOT / "k8s" / "overlays" / "local"
    script = (local / "postgres" / "make-databases.sh").read_text(encoding="utf-8")
    may = {role: int(most) for role, most in re.findall(r"(\w+_service):(\d+)", script)}
    commands = [str(compose["services"]["postgres"]["command"])]
    commands.append((local / "data" / "postgres.yaml").read_text(encoding="utf-8"))

    fields = ServiceSettings.model_fields
    a_replica = 1 + sum(
        fields[name].default for name in ("database_pool_size", "database_max_overflow")
    )
    services = {name.replace("-", "_") for name in SETTINGS} - {"api_gateway"}
    assert set(may) == {*services, "gateway_service"}
    assert all(most >= 2 * a_replica for most in may.values())
    # The engine of orders has some of its own.
    assert may["gateway_service"] >= 2 * (a_replica + 12)
    assert "CONNECTION LIMIT :connections" in script
    for command in commands:
        found = re.search(r"max_connections=(\d+)", command)
        assert found
        # Three are kept for those who come to help.
        assert sum(may.values()) <= int(found[1]) - 3


def test_no_secret_stands_in_the_file(compose: Compose) -> None:
    """
    Secrets come as files: no variable of any container is one, or names where data are by a password.
    """
    secret = {
        name
        for settings in SETTINGS.values()
        for name, field in getattr(settings, "model_fields", {}).items()
        if "secret" in (field.description or "") or field.repr is False
    }
    assert {"database_url", "redis_url", "service_client_secret"} <= secret

    for name, container in compose["services"].items():
        variables = container.get("environment", {})
        assert isinstance(variables, dict)
        assert not {variable.lower() for variable in variables} & secret, name
        assert not re.search(r"://[^/\s]*:[^/\s]*@", str(container)), name


@pytest.mark.parametrize("service", SETTINGS)
def test_what_a_container_is_told_is_a_setting(
    compose: Compose, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every variable is a setting of the service, and with its secrets the service would start.
    """
    for reader in (*SETTINGS, "seed-identity", "postgres", "redis", "grafana", "vault"):
        (tmp_path / reader).mkdir()
    make_secrets([], tmp_path)
    monkeypatch.chdir(tmp_path)

    for name, of, container in of_ours(compose):
        if of != service:
            continue
        variables = container["environment"]
        assert isinstance(variables, dict)
        for variable, value in variables.items():
            monkeypatch.setenv(variable, "" if value is None else str(value))
        monkeypatch.setenv("SECRETS_DIR", str(tmp_path / service))
        settings = load(SETTINGS[service])
        fields = set(type(settings).model_fields)
        assert {variable.lower() for variable in variables} - {"secrets_dir"} <= fields, name


def test_a_container_has_time_for_its_drain(compose: Compose) -> None:
    """
    Delay, drain and the five seconds in which orders are handed over fit into the time before the kill.
    """
    for name, _, container in of_ours(compose):
        if container["restart"] == "no":
            continue
        variables = container["environment"]
        assert isinstance(variables, dict)
        needed_s = (
            float(variables["DRAIN_DELAY_SECONDS"]) + float(variables["DRAIN_TIMEOUT_SECONDS"]) + 5
        )
        assert float(str(container["stop_grace_period"]).removesuffix("s")) >= needed_s + 5, name


def test_images_are_targets_and_carry_one_version(compose: Compose) -> None:
    """
    Each image is built by a stage of the Dockerfile that is named as it, and tagged with the version that
    every distribution has.
    """
    stages = set(
        re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
    projects = [ROOT / folder / "pyproject.toml" for folder in (*SETTINGS, "service-kit")]
    versions = {tomllib.loads(project.read_text())["project"]["version"] for project in projects}

    for name, of, container in of_ours(compose):
        build = container["build"]
        assert isinstance(build, dict)
        assert build["target"] == of, name
        assert of in stages
        assert {str(container["image"]).partition(":")[2]} == versions, name


def test_an_image_ends_by_sigterm_from_its_first_moment_on() -> None:
    """
    Each begins its own service by what takes a signal before all imports: in a pod it is the first process.
    """
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = {stage.partition("\n")[0]: stage for stage in text.split("\nFROM service AS ")[1:]}

    assert set(stages) == set(SETTINGS)
    for name, stage in stages.items():
        package = SETTINGS[name].__module__.partition(".")[0]
        assert f'\nENTRYPOINT ["python", "-m", "servicekit.launch", "{package}"]\n' in stage, name


def test_an_image_holds_no_tool_that_builds_or_tests() -> None:
    """
    What is installed is what the distributions need to run: none of the house's own, of builders, of tests.
    """
    needs = runtime_requirements(sorted(ROOT.glob("*/pyproject.toml")))

    names = {re.split(r"[^A-Za-z0-9-]", need)[0] for need in needs}
    assert {"fastapi", "dbos", "argon2-cffi"} <= names
    assert not names & {"pytest", "hatchling", "uv", "storefront-servicekit"}

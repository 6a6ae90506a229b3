"""
``compose/nginx.conf`` fits the gateway that it stands before.
"""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.checkout.stream import KEEP_ALIVE_S
from gateway.main import ANSWER_S, REPORT_S
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
#: Reports, and events of orders.
SLOW = "~ ^/api/v1/(reports/|orders/[^/]+/events$)"
#: On the balancer's network.
BALANCER = "10.213.86.4"
_UNITS = {"k": 1024, "s": 1, "": 1}


@pytest.fixture(scope="module")
def text() -> str:
    """
    The file, without what it says to people.
    """
    lines = (ROOT / "compose" / "nginx.conf").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("#"))


def number(text: str, directive: str) -> int:
    """
    What a directive says first, in bytes or seconds.
    """
    found = re.search(rf"^\s*{directive} (\d+)([ks]?);", text, re.MULTILINE)
    assert found, directive
    return int(found[1]) * _UNITS[found[2]]


def places(text: str) -> dict[str, str]:
    """
    What stands in each location.
    """
    lines = [line for line in text.splitlines() if " return " not in line or "'" not in line]
    return dict(re.findall(r"location ([^{]+) \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", "\n".join(lines)))


def refusals(text: str) -> list[str]:
    """
    Each text that nginx answers with by itself.
    """
    return re.findall(r"return \d+ '([^']*)';", text)


async def seen_address(trusted: list[str], *, peer: str, forwarded: str) -> str:
    """
    Where a request comes from to a gateway that trusts these, by what its server goes by.
    """
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        client = Request(scope).client
        seen.append(client.host if client else "")

    scope = {
        "type": "http",
        "client": (peer, 4711),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    served = ProxyHeadersMiddleware(app, trusted)  # type: ignore[arg-type]  # its types are uvicorn's
    await served(scope, None, None)  # type: ignore[arg-type]  # nothing is received or sent
    return seen[0]


def test_it_takes_what_the_gateway_takes(text: str) -> None:
    """
    No larger body, and no answer that is cut off because it takes as long as it may.
    """
    settings = Settings.model_fields
    order_s = settings["order_wait_seconds"].default + ANSWER_S
    slow, reads = places(text)[SLOW], places(text)["/api/v1/products"]

    assert number(text, "client_max_body_size") == settings["max_body_bytes"].default
    assert number(text, "proxy_read_timeout") > order_s
    assert number(slow, "proxy_read_timeout") > max(REPORT_S, 2 * KEEP_ALIVE_S)
    assert number(reads, "proxy_read_timeout") > settings["request_timeout_seconds"].default
    # A gateway that says nothing is given up for the other one, whose answer comes as late.
    assert number(reads, "proxy_next_upstream_timeout") > number(reads, "proxy_read_timeout")


def test_nothing_is_repeated_that_would_be_done_twice(text: str) -> None:
    """
    What is no read goes to another gateway after it was sent only as an order with a key or a cancellation.
    """
    repeating = [name for name, body in places(text).items() if "non_idempotent" in body]

    assert sorted(repeating) == ["@keyed", "~ ^/api/v1/orders/[^/]+/cancel$"]
    assert text.count("non_idempotent") == 2
    assert "if ($http_idempotency_key != '')" in places(text)["= /api/v1/orders"]
    # After the time that a connection takes, and before an answer that is late: that one is on its way.
    assert number(text, "proxy_connect_timeout") * 2 < number(text, "proxy_next_upstream_timeout")
    assert number(text, "proxy_next_upstream_timeout") < number(text, "proxy_read_timeout")
    # What may be sent twice is, also where the first gateway has taken it and says nothing.
    keyed = number(places(text)["@keyed"], "proxy_next_upstream_timeout")
    assert keyed > number(text, "proxy_read_timeout")


def test_nobody_is_asked_to_order_twice(text: str) -> None:
    """
    An order without a key that may have reached a gateway is told as unknown, and never to be tried again.
    """
    assert "error_page 502 503 504 = @unknown;" in places(text)["= /api/v1/orders"]
    assert "Retry-After" not in places(text)["@unknown"].partition("return")[0]
    told = [json.loads(one.replace("\\n", ""))["error"] for one in refusals(text) if "error" in one]
    [unknown] = [one for one in told if one.get("details") == {"outcome": "unknown"}]
    assert "Try again" not in unknown["message"]


async def test_gateways_believe_the_balancer_and_nobody_else(text: str) -> None:
    """
    Without a setting, each who comes through the balancer is counted alone, whatever they say of themselves,
    and who comes to a gateway directly cannot choose an address.
    """
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    said = re.search(r"TRUSTED_PROXIES: \$\{SUBNET_PREFIX:-([\d.]+)\}(\S+),", compose)
    subnet = re.search(
        r"balanced:[^}]*\}[^}]*subnet: \"\$\{SUBNET_PREFIX:-([\d.]+)\}(\S+)\"", compose
    )

    assert said
    assert subnet
    trusted = ["".join(said.groups())]
    through = await seen_address(trusted, peer=BALANCER, forwarded="203.0.113.9, 198.51.100.7")
    directly = await seen_address(trusted, peer="172.18.0.1", forwarded="203.0.113.9")
    behind_tls = await seen_address(
        [*trusted, "172.16.0.0/12"], peer=BALANCER, forwarded="198.51.100.7, 172.18.0.1"
    )

    assert said.groups() == subnet.groups()
    # None of those that Docker gives to networks by itself, and narrow.
    assert not any(
        ip_network(trusted[0]).overlaps(ip_network(pool))
        for pool in ("172.16.0.0/12", "192.168.0.0/16")
    )
    assert ip_network(trusted[0]).num_addresses <= 16
    # Appended by the balancer: the last is what it has seen itself.
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in text
    assert (through, directly, behind_tls) == ("198.51.100.7", "172.18.0.1", "198.51.100.7")


def test_a_gateway_knows_its_callers_for_strangers(text: str) -> None:
    """
    A trace that somebody outside claims to be part of may pass: no gateway of the file lets it decide anything.
    """
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    assert Settings.model_fields["traceparent_from"].default == "strangers"
    assert "TRACEPARENT_FROM" not in compose
    # One in a location would take the place of all of them.
    assert not any("proxy_set_header" in body for body in places(text).values())


def test_it_lets_in_what_the_ingress_does(text: str) -> None:
    """
    The API, pictures and the front page go on to a gateway; everything else is told that it is not there.
    """
    ingress = yaml.safe_load((ROOT / "k8s" / "base" / "api-gateway" / "ingress.yaml").read_text())
    wanted = set()
    for path in ingress["spec"]["rules"][0]["http"]["paths"]:
        wanted.add(f"= {path['path']}")
        if path["pathType"] == "Prefix":
            wanted.add(f"{path['path']}/")

    passed_on = {name for name, body in places(text).items() if "proxy_pass" in body}
    others = {name for name in passed_on - wanted if not name.startswith("@")}

    assert wanted <= passed_on
    assert all(re.match(r"(= |~ \^|)/api/v1/", name) for name in others)
    assert places(text)["/"].split() == ["return", "404;"]


def test_what_nginx_says_has_the_shape_of_errors(text: str) -> None:
    """
    What it refuses by itself is no page but an error as the gateway tells it, with a code for each status.
    """
    server = {
        int(status)
        for statuses in re.findall(r"^        error_page ([\d ]+) ", text, re.MULTILINE)
        for status in statuses.split()
    }
    told = [json.loads(one.replace("\\n", "")) for one in refusals(text) if "error" in one]

    assert server == {400, 404, 405, 413, 414, 494, 500, 501, 502, 503, 504, 505}
    assert len(told) == 3
    assert all(set(one) == {"error", "request_id"} for one in told)
    assert all({"code", "message"} <= set(one["error"]) for one in told)


def test_it_starts_on_any_machine_and_stays_within_its_bounds(text: str) -> None:
    """
    Its processes do not grow with the cores of the machine, and bodies that were announced and do not come
    take less memory than it has.
    """
    balancer = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["balancer"]
    workers = number(text, "worker_processes")
    announced = workers * number(text, "worker_connections")

    assert workers + 2 < balancer["pids_limit"]
    assert balancer["mem_limit"] == "128m"
    assert announced * number(text, "client_body_buffer_size") <= 2**26


def test_it_finds_every_gateway_by_one_name(text: str) -> None:
    """
    The name that it asks for is all gateways', on the network that it is on, under which they listen.
    """
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    (name,) = re.findall(r"set \$gateways (\S+);", text)
    addresses = set(re.findall(r"proxy_pass (\S+);", text))

    known = {
        service
        for service, facts in services.items()
        if isinstance(facts.get("networks"), dict)
        and name in (facts["networks"].get("balanced") or {}).get("aliases", ())
    }
    assert known == {"api-gateway", "api-gateway-2"}
    assert services["balancer"]["networks"] == ["front", "balanced"]
    # On the network that the balancer is believed on, and on no other.
    assert not any(services[gateway]["networks"]["front"] for gateway in known)
    assert addresses == {"http://$gateways:8000"}

"""
``compose/nginx.conf`` fits the gateway that it stands before.
"""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from gateway.checkout.stream import KEEP_ALIVE_S
from gateway.main import ANSWER_S, REPORT_S
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
#: Reports, and events of orders.
SLOW = "~ ^/api/v1/(reports/|orders/[^/]+/events$)"
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
    return dict(re.findall(r"location ([^{]+) \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", text))


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


def test_what_clients_say_of_their_address_goes_no_further(text: str) -> None:
    """
    The gateway believes the balancer, so the balancer believes nobody.
    """
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "$proxy_add_x_forwarded_for" not in text


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
        and name in (facts["networks"].get("front") or {}).get("aliases", ())
    }
    assert known == {"api-gateway", "api-gateway-2"}
    assert services["balancer"]["networks"] == ["front"]
    assert addresses == {"http://$gateways:8000"}

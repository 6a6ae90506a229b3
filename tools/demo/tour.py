"""
What a visitor is shown once everything runs.
"""

import shlex
from collections.abc import Mapping

from tools.demo.secrets_file import DemoSecrets
from tools.demo.services import Service
from tools.demo.settings import DemoSettings

_PICK_FROM_ANSWER = r"""sed -E 's/.*"access_token": ?"([^"]+)".*/\1/'"""


def tour(services: tuple[Service, ...], demo: DemoSettings, secrets: DemoSecrets) -> str:
    """
    Addresses, sign-ins, lines to paste, where the logs are and how to stop.
    """
    parts = [_addresses(services, demo)]
    addresses = {service.name: service.address(demo) for service in services}
    if "api-gateway" in addresses:
        parts += [_sign_ins(secrets), _lines(addresses, secrets["password/shopper"])]
    parts.append(
        f"Logs: {demo.logs}\nStop: Ctrl-C (what was stored stays; `make clean-data` forgets it)"
    )
    return "\n" + "\n\n".join(parts) + "\n"


def curl_lines(addresses: Mapping[str, str], password: str) -> tuple[tuple[str, str], ...]:
    """
    What each line shows, and the line: to be pasted into a shell as it is.
    """
    gateway, pricing = addresses["api-gateway"], addresses["pricing-service"]
    form = f"-d grant_type=password -d username=shopper -d password={shlex.quote(password)}"
    sign_in = f"curl -fsS {gateway}/api/v1/auth/token {form}"
    token = f'-H "Authorization: Bearer $({sign_in} | {_PICK_FROM_ANSWER})"'
    page = shlex.quote(f"{gateway}/api/v1/products?category=home&size=2")
    two = shlex.quote('{"productId":"TEST-001","quantity":2,"discountCodes":["SUMMER20"]}')
    basket = shlex.quote(
        '{"items":[{"productId":"TEST-001","quantity":2}],"discountCodes":["SUMMER20"]}'
    )
    json = "-H 'Content-Type: application/json'"
    return (
        ("A product, with its price:", f"curl -fsS {gateway}/api/v1/products/TEST-001"),
        ("A page of products:", f"curl -fsS {page}"),
        ("What two cost:", f"curl -fsS {pricing}/api/v1/prices/calculate {json} -d {two}"),
        ("Order them:", f"curl -fsS {gateway}/api/v1/orders {json} -d {basket}"),
        ("Sign in, and who am I?", f"curl -fsS {gateway}/api/v1/users/me {token}"),
    )


def _addresses(services: tuple[Service, ...], demo: DemoSettings) -> str:
    width = max(len(service.name) for service in services)
    rows = [f"  {service.name:<{width}}  {service.address(demo)}" for service in services]
    return "\n".join(["The shop is running:", *rows])


def _sign_ins(secrets: DemoSecrets) -> str:
    passwords = secrets.below("password/")
    width = max(map(len, passwords))
    rows = [f"  {user:<{width}}  {password}" for user, password in passwords.items()]
    return "\n".join(["Sign in as (password):", *rows])


def _lines(addresses: Mapping[str, str], password: str) -> str:
    rows = [f"  {what}\n    {line}" for what, line in curl_lines(addresses, password)]
    return "\n".join(["Try (paste into another terminal):", *rows])

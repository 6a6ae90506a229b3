"""
What a visitor is shown once everything runs.
"""

import shlex

from tools.demo.secrets_file import DemoSecrets
from tools.demo.services import Service
from tools.demo.settings import DemoSettings

_PICK_FROM_ANSWER = r"""sed -E 's/.*"access_token": ?"([^"]+)".*/\1/'"""


def tour(services: tuple[Service, ...], demo: DemoSettings, secrets: DemoSecrets) -> str:
    """
    Addresses, sign-ins, lines to paste, where the logs are and how to stop.
    """
    parts = [_addresses(services, demo)]
    identity = next((one for one in services if one.name == "identity-service"), None)
    if identity is not None:
        parts += [_sign_ins(secrets), _lines(identity.address(demo), secrets)]
    parts.append(
        f"Logs: {demo.logs}\nStop: Ctrl-C (what was stored stays; `make clean-data` forgets it)"
    )
    return "\n" + "\n\n".join(parts) + "\n"


def curl_lines(identity: str, password: str) -> tuple[tuple[str, str], ...]:
    """
    What each line shows, and the line: to be pasted into a shell as it is.
    """
    form = f"-d grant_type=password -d username=shopper -d password={shlex.quote(password)}"
    sign_in = f"curl -fsS {identity}/auth/token {form}"
    who = f"curl -fsS {identity}/users/me"
    return (
        ("Is it well?", f"curl -fsS {identity}/health"),
        ("Sign in and see the token:", sign_in),
        (
            "Who am I?",
            f'{who} -H "Authorization: Bearer $({sign_in} | {_PICK_FROM_ANSWER})"',
        ),
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


def _lines(identity: str, secrets: DemoSecrets) -> str:
    rows = [
        f"  {what}\n    {line}" for what, line in curl_lines(identity, secrets["password/shopper"])
    ]
    return "\n".join(["Try (paste into another terminal):", *rows])

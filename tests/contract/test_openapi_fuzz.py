"""
What a service says of itself in ``/openapi.json`` is held against what it does, by schemathesis:
every operation, with good and bad input, alone and in sequences.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from real_backends import real_backends

from servicekit.testing.programs import run_program
from servicekit.testing.serving import serve_process
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-that-only-this-test-knows-0123456789"
ADMIN_PASSWORD = "admin has a long password"
SEED = 20_261
#: Made-up requests for each operation, beside those at the bounds of every field, which are always
#: all tried. What a run before each change has time for; whoever has more sets FUZZ_EXAMPLES.
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "8")
WITHIN_S = 240


def service_token(*permissions: str) -> Callable[[str], str]:
    """
    A token as the gateway would show it.
    """

    def made(_url: str) -> str:
        return hs256_token(
            SECRET.encode(),
            now=time.time(),
            sub="fuzzer",
            kind="service",
            scope="read write admin",
            permissions=list(permissions),
        )

    return made


def admin_token(url: str) -> str:
    """
    The token of an admin who has signed in: the identity service asks whether there is one.
    """
    form = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    token: str = httpx.post(f"{url}/auth/token", data=form, timeout=30).json()["access_token"]
    return token


@dataclass(frozen=True, slots=True)
class Described:
    """
    A service under test, and what is left out, each with its reason.
    """

    package: str
    token: Callable[[str], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: A script that serves it, where that is another than ``python -m``.
    script: Path | None = None
    #: A path's pattern -> why it is not called.
    skipped_paths: Mapping[str, str] = field(default_factory=dict)
    #: An operation -> the rule by which it refuses input that its schema cannot tell from good.
    rules_beyond_schema: Mapping[str, str] = field(default_factory=dict)
    #: An operation -> why it still answers for what was deleted.
    outliving: Mapping[str, str] = field(default_factory=dict)
    #: An operation and another check -> why that check is mistaken there.
    mistaken: Mapping[tuple[str, str], str] = field(default_factory=dict)


EVERYWHERE = {
    "^/(metrics|docs|redoc)": "no API: text for Prometheus and pages for people",
    "^/health": "held to its contract by the conformance suite; 503 while a dependency is away",
}
SERVICES = (
    Described(
        "identity",
        admin_token,
        environment={"IDENTITY_KEY_SECRET": SECRET, "SEED_ADMIN_PASSWORD": ADMIN_PASSWORD},
        script=ROOT / "identity-service/tests/support/cheap_identity.py",
        skipped_paths={"^/(auth|users|clients|keys|.well-known)": "stand under /api/v1 as well"},
        rules_beyond_schema=dict.fromkeys(
            (
                "POST /api/v1/auth/token",
                "POST /api/v1/auth/revoke",
                "POST /api/v1/users",
                "PATCH /api/v1/users/{user_id}",
                "PATCH /api/v1/users/me/profile",
                "POST /api/v1/users/me/password",
                "POST /api/v1/users/{user_id}/password-reset",
                "POST /api/v1/clients",
                "PATCH /api/v1/clients/{client_id}",
            ),
            "a password, a name or a scope can be well-formed and be refused for what it says",
        ),
    ),
    Described(
        "inventory",
        service_token("stock:write", "catalog:write"),
        rules_beyond_schema={
            "GET /api/v1/products": "ids stand alone, without filters and pages",
            "POST /api/v1/stock/reservations": "a product is named once, whatever its quantity",
        },
        outliving={
            "GET /api/v1/products/{product_id}/movements": "the ledger is kept for good",
        },
    ),
    Described(
        "pricing",
        service_token("prices:quote", "catalog:write"),
        rules_beyond_schema={
            "POST /api/v1/prices/calculate": "a code can be unknown, or not fit the product",
            "POST /api/v1/prices/quote": "a code can be unknown; a product is named once",
            "PUT /api/v1/prices/{product_id}": "the past is not rewritten; an end follows a start",
            "PUT /api/v1/discounts/{code}": "tiers rise; a window ends after it begins",
        },
    ),
)


GUESTS = "guests may read (ANONYMOUS_SCOPES), so a request without a token is answered"
GATEWAY = Described(
    "gateway",
    admin_token,
    rules_beyond_schema={
        "POST /api/v1/auth/token": "a password or a token can be well-formed and not be good",
        "POST /api/v1/auth/revoke": "a field without a value counts as absent, as OAuth has it",
        "POST /api/v1/orders": "a product is named once; a product or a code can be unknown",
        "GET /api/v1/orders": "whose orders, only an administrator may ask",
        **dict.fromkeys(
            (
                "GET /api/v1/reports/orders",
                "GET /api/v1/reports/top-products",
                "GET /api/v1/reports/discounts",
                "GET /api/v1/reports/troubles",
            ),
            "a span ends after it begins, and is ten years long at most",
        ),
    },
    mistaken={
        (f"{method} /api/v1/{path}", check): GUESTS
        for method, path in (
            ("GET", "products"),
            ("GET", "products/{product_id}"),
            ("POST", "products/bulk-check"),
            ("GET", "categories"),
            ("GET", "orders/{order_id}"),
            ("GET", "orders/{order_id}/events"),
        )
        for check in ("ignored_auth", "missing_required_header")
    }
    | {
        (
            "POST /api/v1/products/bulk-check",
            "allow_header_conformance",
        ): "a product may be called bulk-check, and is read by GET at the same address",
    },
)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.package)
async def test_a_service_does_what_it_describes(
    service: Described, sqlite_url: str, tmp_path: Path
) -> None:
    """
    No crash, no undocumented answer, no bad input taken, no good input refused.
    """
    program = [
        sys.executable,
        *([str(service.script)] if service.script else ["-m", service.package]),
    ]
    environment = {
        "DATABASE_URL": sqlite_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        **service.environment,
    }
    for command in ("migrate", "seed"):
        done = await asyncio.to_thread(run_program, [*program, command], environment, tmp_path)
        assert done.returncode == 0, done.stderr
    async with serve_process([*program, "serve"], environment) as served:
        token = await asyncio.to_thread(service.token, served.url)
        code, report = await asyncio.to_thread(_examined, service, served.url, token, tmp_path)
        log = served.log

    assert code == 0, report
    assert "request.crashed" not in log


async def test_the_gateway_does_what_it_describes(tmp_path: Path) -> None:
    """
    The same, with the real services behind it.
    """
    program = [sys.executable, "-m", "gateway", "serve"]
    async with (
        real_backends(tmp_path) as backends,
        serve_process(program, backends.environment) as served,
    ):
        token = await backends.token("admin")
        code, report = await asyncio.to_thread(_examined, GATEWAY, served.url, token, tmp_path)
        log = served.log

    assert code == 0, report
    assert "request.crashed" not in log


def _examined(service: Described, url: str, token: str, folder: Path) -> tuple[int, str]:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{url}/openapi.json"),
        *("--max-examples", EXAMPLES),
        *("--seed", str(SEED)),
        *("--header", f"Authorization: Bearer {token}"),
        "--continue-on-failure",
        "--no-color",
    ]
    for pattern in (*EVERYWHERE, *service.skipped_paths):
        command += ["--exclude-path-regex", pattern]
    # Read from the folder it runs in; checks on the command line would win over an operation's.
    excused = [
        *((operation, "positive_data_acceptance") for operation in service.rules_beyond_schema),
        *((operation, "use_after_free") for operation in service.outliving),
        *service.mistaken,
    ]
    (folder / "schemathesis.toml").write_text(f"[checks]\nenabled = true\n{_without(excused)}")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _without(excused: Iterable[tuple[str, str]]) -> str:
    by_operation: dict[str, list[str]] = {}
    for operation, check in excused:
        by_operation.setdefault(operation, []).append(f"checks.{check}.enabled = false\n")
    return "".join(
        f'[[operations]]\ninclude-name = "{operation}"\n{"".join(checks)}'
        for operation, checks in by_operation.items()
    )

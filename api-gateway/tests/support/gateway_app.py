"""
The gateway as its clients meet it: whole, and in front of backends that a test chooses.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from fastapi import FastAPI
from fresh_database import fresh_database
from pydantic import JsonValue, SecretStr

from gateway.main import create_app
from gateway.settings import Settings
from servicekit.testing import unused_port
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

SECRET: Final = "the shared secret of the gateway's tests"
#: Addresses of clients, of the range that is kept for documentation.
HOME, ELSEWHERE = "203.0.113.7", "203.0.113.8"
#: What a request is given where its test does not say.
PATIENCE_S: Final = 30.0
#: Longer than any run: some tokens are made when their module is read.
_DAY_S: Final = 86_400


def settings_for(kind: type[Settings] = Settings, /, **changed: object) -> Settings:
    """
    Settings that are read from nowhere else; backends that are not named are nowhere, and a database
    that is not named is new, migrated and empty. No orders are taken, unless it is said.
    """
    nowhere = f"http://127.0.0.1:{unused_port()}"
    values: dict[str, Any] = {
        "identity_service_url": nowhere,
        "inventory_service_url": nowhere,
        "pricing_service_url": nowhere,
        "database_url": changed.get("database_url") or fresh_database(),
        "takes_orders": False,
        # No test is about the two seconds unless it says so, and a machine may stand still for longer.
        "request_timeout_seconds": PATIENCE_S,
    }
    return kind(_env_file=None, **(values | changed))


def shared_secret(kind: type[Settings] = Settings, /, **changed: object) -> Settings:
    """
    Settings of a gateway that believes the tokens of ``bearer``, whoever identity is.
    """
    return settings_for(
        kind,
        jwt_algorithm="HS256",
        jwt_secret_key=SecretStr(SECRET),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        **changed,
    )


def token_of(**claims: JsonValue) -> str:
    """
    A token that makes these claims; by default of a user who may read and write.
    """
    now = time.time()
    return hs256_token(SECRET.encode(), now=now, **{"exp": int(now) + _DAY_S, **claims})


def bearer(**claims: JsonValue) -> dict[str, str]:
    """
    The header that shows such a token.
    """
    return {"Authorization": f"Bearer {token_of(**claims)}"}


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """
    The gateway, started as a server would start it.
    """
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def client_of(
    app: FastAPI, *, address: str = HOME, headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """
    A caller at ``address``.
    """
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50_000)),
        base_url="http://gateway",
        headers=dict(headers or {}),
    )

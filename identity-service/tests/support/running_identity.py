"""
The identity service as its clients meet it: served by uvicorn, with the demo's users and clients.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from jwt.utils import base64url_decode
from pydantic import SecretStr

from identity.main import create_app
from identity.passwords import HashCost
from identity.seed import seed
from identity.settings import Settings
from identity.wiring import build_services
from servicekit import migrations
from servicekit.testing.clock import FakeClock
from servicekit.testing.serving import serve

#: A hash in well under a millisecond; what it costs in production is tested by itself.
CHEAP = HashCost(memory_kib=64, passes=1, lanes=1)
KEY_SECRET = "a secret of the tests, long enough"
PASSWORDS = {name: f"{name} has a long password" for name in ("shopper", "merchant", "admin")}
GATEWAY = ("api-gateway", "gateway-secret-" + "g" * 32)
INVENTORY = ("inventory-service", "inventory-secret-" + "i" * 32)


def settings_for(database_url: str, **changed: object) -> Settings:
    """
    Settings of a service on this database, read from nowhere else.
    """
    values: dict[str, Any] = {
        "database_url": database_url,
        "identity_key_secret": SecretStr(KEY_SECRET),
        "seed_shopper_password": SecretStr(PASSWORDS["shopper"]),
        "seed_merchant_password": SecretStr(PASSWORDS["merchant"]),
        "seed_admin_password": SecretStr(PASSWORDS["admin"]),
        "seed_clients": {client: SecretStr(secret) for client, secret in (GATEWAY, INVENTORY)},
    }
    return Settings(_env_file=None, **(values | changed))


def prepare(database_url: str) -> None:
    """
    Migrate and seed a new database, at the moment at which a FakeClock begins.
    """
    migrations.migrate(database_url, "identity")
    asyncio.run(_seed(settings_for(database_url)))


async def _seed(settings: Settings) -> None:
    services = build_services(settings, now=FakeClock().now, hash_cost=CHEAP)
    async with services.opened():
        await seed(services, settings)


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    What a sign-in gave.
    """

    access: str
    refresh: str

    @property
    def bearer(self) -> dict[str, str]:
        """
        The header that shows the access token.
        """
        return {"Authorization": f"Bearer {self.access}"}


@dataclass(frozen=True, slots=True)
class RunningIdentity:
    """
    A client of the service, and the service's clock.
    """

    http: httpx.AsyncClient
    clock: FakeClock

    async def token(self, *, auth: tuple[str, str] | None = None, **form: str) -> httpx.Response:
        """
        Whatever ``POST /auth/token`` answers to this form.
        """
        if auth is None:
            return await self.http.post("/auth/token", data=form)
        return await self.http.post("/auth/token", data=form, auth=auth)

    async def password(self, name: str, password: str | None = None, **form: str) -> httpx.Response:
        """
        Whatever a sign-in answers.
        """
        sign_in = {
            "grant_type": "password",
            "username": name,
            "password": PASSWORDS.get(name, "") if password is None else password,
        }
        return await self.http.post("/auth/token", data=sign_in | form)

    async def sign_in(self, name: str, password: str | None = None, **form: str) -> Tokens:
        """
        The tokens of a sign-in that must work.
        """
        return tokens_of(await self.password(name, password, **form))

    async def refresh(self, refresh_token: str, **form: str) -> httpx.Response:
        """
        Whatever a refresh answers.
        """
        refresh = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.http.post("/auth/token", data=refresh | form)

    async def validate(self, access_token: str) -> httpx.Response:
        """
        Whatever ``POST /auth/validate`` answers to this token.
        """
        header = {"Authorization": f"Bearer {access_token}"}
        return await self.http.post("/auth/validate", headers=header)

    async def client_token(self, auth: tuple[str, str] = GATEWAY) -> str:
        """
        The access token of a service.
        """
        answer = await self.token(grant_type="client_credentials", auth=auth)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def user_id(self, name: str) -> str:
        """
        The id of one of the demo's users.
        """
        me = await self.http.get("/users/me", headers=(await self.sign_in(name)).bearer)
        return str(me.json()["id"])


def tokens_of(answer: httpx.Response) -> Tokens:
    """
    The tokens of an answer that must be good.
    """
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return Tokens(access=body["access_token"], refresh=body["refresh_token"])


def claims_of(token: str) -> dict[str, Any]:
    """
    What an access token says, unverified.
    """
    claims: dict[str, Any] = json.loads(base64url_decode(token.split(".")[1]))
    return claims


@asynccontextmanager
async def running_identity(settings: Settings, clock: FakeClock) -> AsyncIterator[RunningIdentity]:
    """
    The service on a free port, with ``clock`` for its clock.
    """
    app = create_app(settings, now=clock.now, hash_cost=CHEAP)
    async with (
        serve(app) as url,
        # No TLS is spoken: reading the authorities' certificates takes longer than most tests.
        httpx.AsyncClient(base_url=url, timeout=30, verify=False) as http,
    ):
        yield RunningIdentity(http, clock)

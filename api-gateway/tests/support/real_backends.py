"""
The real services behind the gateway, on ports and with the demo's goods and people.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import inventory_app
import pricing_app
import running_identity
from fresh_database import fresh_database
from gateway_app import PATIENCE_S

import identity.main
import inventory.main
import pricing.main
from servicekit.testing import serve


@dataclass(frozen=True, slots=True)
class RealBackends:
    """
    Where each answers; and an empty database for a gateway, migrated.
    """

    identity_url: str
    inventory_url: str
    pricing_url: str
    gateway_database: str

    @property
    def environment(self) -> dict[str, str]:
        """
        What a gateway process is told of them, and of itself.
        """
        return {
            "DATABASE_URL": self.gateway_database,
            "SERVICE_CLIENT_SECRET": running_identity.GATEWAY[1],
            "IDENTITY_SERVICE_URL": self.identity_url,
            "INVENTORY_SERVICE_URL": self.inventory_url,
            "PRICING_SERVICE_URL": self.pricing_url,
            "REQUEST_TIMEOUT_SECONDS": str(PATIENCE_S),
        }

    async def token(self, name: str) -> str:
        """
        An access token of one of the demo's people.
        """
        form = {
            "grant_type": "password",
            "username": name,
            "password": running_identity.PASSWORDS[name],
        }
        async with httpx.AsyncClient(base_url=self.identity_url, timeout=PATIENCE_S) as http:
            return str((await http.post("/auth/token", data=form)).json()["access_token"])


@asynccontextmanager
async def real_backends(folder: Path) -> AsyncIterator[RealBackends]:
    """
    All three, with their databases in ``folder``; the others believe whom identity signs for.
    """
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("identity", "inventory", "pricing")}
    await asyncio.to_thread(running_identity.prepare, urls["identity"])
    await asyncio.to_thread(inventory_app.prepare_demo, urls["inventory"])
    await asyncio.to_thread(pricing_app.prepare, urls["pricing"])
    signing = running_identity.settings_for(urls["identity"])
    people = identity.main.create_app(signing, hash_cost=running_identity.CHEAP)
    async with serve(people) as who:
        trusting = {
            "identity_service_url": who,
            "jwt_algorithm": "EdDSA",
            "jwt_issuer": signing.jwt_issuer,
            "jwt_audience": signing.jwt_audience,
        }
        goods = inventory.main.create_app(inventory_app.settings_for(urls["inventory"], **trusting))
        prices = pricing.main.create_app(pricing_app.settings_for(urls["pricing"], **trusting))
        async with serve(goods) as what, serve(prices) as how_much:
            yield RealBackends(who, what, how_much, fresh_database())

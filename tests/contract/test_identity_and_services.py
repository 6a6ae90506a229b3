"""
A service on the kit, and the identity service: what one signs, the other believes.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from calling import call
from fastapi import APIRouter, FastAPI
from running_identity import CHEAP, GATEWAY, PASSWORDS, prepare, settings_for

from identity.main import create_app
from servicekit.app import create_service
from servicekit.auth import current_principal, requires
from servicekit.errors import ServiceUnavailable
from servicekit.http import ServiceClient
from servicekit.identity import service_token, token_verifier
from servicekit.settings import ServiceSettings
from servicekit.testing import serve

SHARED = "a-secret-that-both-sides-know-0123456789"


@pytest.fixture
def seeded_url(sqlite_url: str) -> str:
    """
    A database with the demo's users and clients.
    """
    prepare(sqlite_url)
    return sqlite_url


@dataclass(frozen=True, slots=True)
class Shop:
    """
    Both services, and how to reach identity.
    """

    service: httpx.AsyncClient
    identity_url: str
    identity: ServiceClient

    async def sign_in(self, name: str) -> str:
        """
        A user's access token, by a real sign-in.
        """
        form = {"grant_type": "password", "username": name, "password": PASSWORDS[name]}
        token = (await self.identity.post("/auth/token", form=form)).json()
        assert isinstance(token, dict)
        return f"Bearer {token['access_token']}"

    async def who(self, authorization: str) -> httpx.Response:
        """
        Whom the service takes the caller for.
        """
        return await self.service.get("/who", headers={"Authorization": authorization})


def who_app(settings: ServiceSettings, identity: ServiceClient) -> FastAPI:
    """
    A service that tells its callers who they are.
    """
    routes = APIRouter()

    @routes.get("/who", dependencies=[requires("read")], summary="Who I am")
    async def who() -> dict[str, object]:
        principal = current_principal()
        return {
            "kind": principal.kind,
            "scopes": sorted(principal.scopes),
            "permissions": sorted(principal.permissions),
        }

    @routes.post(
        "/stock",
        dependencies=[requires("write", kinds=("service",), permission="stock:write")],
        summary="What only the gateway may do",
    )
    async def stock() -> None: ...

    return create_service(
        settings,
        title="Who",
        description="",
        verifier=token_verifier(settings, identity),
        routers=[routes],
    )


@asynccontextmanager
async def shop(database_url: str, **jwt: str) -> AsyncIterator[Shop]:
    """
    Identity on a port, and a service that trusts it.
    """
    identity_app = create_app(settings_for(database_url, **jwt), hash_cost=CHEAP)
    async with serve(identity_app) as url:
        identity = ServiceClient("identity", url, caller="who")
        settings = ServiceSettings.model_validate(
            {"service_name": "who", "identity_service_url": url, **jwt}
        )
        async with call(who_app(settings, identity)) as service:
            yield Shop(service, url, identity)
        await identity.aclose()


Algorithm = dict[str, str]


@pytest.mark.parametrize(
    "jwt", [{}, {"jwt_algorithm": "HS256", "jwt_secret_key": SHARED}], ids=["EdDSA", "HS256"]
)
async def test_a_user_signs_in_here_and_is_known_there(jwt: Algorithm, seeded_url: str) -> None:
    """
    A token of the identity service is believed by a service that has never seen the user.
    """
    async with shop(seeded_url, **jwt) as both:
        shopper = await both.who(await both.sign_in("shopper"))
        admin = await both.who(await both.sign_in("admin"))

    assert shopper.json() == {"kind": "user", "scopes": ["read", "write"], "permissions": []}
    assert admin.json()["scopes"] == ["admin", "read", "write"]


async def test_a_service_calls_another_in_its_own_name(seeded_url: str) -> None:
    """
    A service's own token opens what its permissions allow; a user's does not, nor does no token.
    """
    async with shop(seeded_url) as both:
        token = service_token(both.identity, client_id=GATEWAY[0], secret=GATEWAY[1])
        as_service = await both.service.post("/stock", headers={"Authorization": await token()})
        as_admin = await both.service.post(
            "/stock", headers={"Authorization": await both.sign_in("admin")}
        )
        as_nobody = await both.service.post("/stock")
        await token.aclose()

    statuses = [answer.status_code for answer in (as_service, as_admin, as_nobody)]
    assert statuses == [200, 403, 401]


async def test_a_wrong_client_secret_gives_no_token(seeded_url: str) -> None:
    """
    Without the right secret there is no token, and the caller is told that identity gave none.
    """
    async with shop(seeded_url) as both:
        token = service_token(both.identity, client_id=GATEWAY[0], secret="wrong" * 10)
        with pytest.raises(ServiceUnavailable):
            await token()
        await token.aclose()


async def test_known_keys_serve_on_while_identity_is_away(seeded_url: str) -> None:
    """
    Whoever signed in stays signed in when the identity service stops; nobody asks it for a verdict.
    """
    identity_app = create_app(settings_for(seeded_url), hash_cost=CHEAP)
    async with serve(identity_app) as url:
        identity = ServiceClient("identity", url, caller="who")
        settings = ServiceSettings.model_validate({"service_name": "who"})
        app = who_app(settings, identity)
        both = Shop(httpx.AsyncClient(), url, identity)
        shopper, admin = await both.sign_in("shopper"), await both.sign_in("admin")
        await both.service.aclose()
        async with call(app) as service:
            first = await service.get("/who", headers={"Authorization": shopper})
    async with call(app) as service:
        second = await service.get("/who", headers={"Authorization": admin})
    await identity.aclose()

    assert (first.status_code, second.status_code) == (200, 200)


async def test_without_identity_from_the_start_it_is_503(free_port: int, seeded_url: str) -> None:
    """
    A service that has no keys yet says so, and serves guests.
    """
    async with shop(seeded_url) as both:
        token = await both.sign_in("shopper")
    away = ServiceClient("identity", f"http://127.0.0.1:{free_port}", caller="who")
    async with call(
        who_app(ServiceSettings.model_validate({"service_name": "who"}), away)
    ) as service:
        signed_in = await service.get("/who", headers={"Authorization": token})
        guest = await service.get("/who")
    await away.aclose()

    assert (signed_in.status_code, guest.status_code) == (503, 200)
    assert signed_in.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert signed_in.headers["Retry-After"]


Forge = Callable[[str], str]


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda token: token.rsplit(".", 1)[0] + ".",
        lambda token: token.replace("Bearer ", "Basic "),
    ],
    ids=["other signature", "no signature", "other scheme"],
)
async def test_a_forged_token_is_refused(forge: Forge, seeded_url: str) -> None:
    """
    What identity has not signed is not believed.
    """
    async with shop(seeded_url) as both:
        answer = await both.who(forge(await both.sign_in("shopper")))

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_ERROR")

"""
A service on the kit, and the identity service: what one signs, the other believes.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from calling import call
from fastapi import APIRouter, FastAPI
from running_identity import CHEAP, GATEWAY, PASSWORDS, prepare, settings_for

from identity.main import create_app
from servicekit.app import create_service
from servicekit.auth import current_principal, requires
from servicekit.clients import Clients
from servicekit.errors import ServiceUnavailable
from servicekit.http import ServiceClient
from servicekit.settings import ServiceClientSettings, ServiceSettings
from servicekit.telemetry import Telemetry
from servicekit.testing import serve
from servicekit.testing.fixtures import DatabaseCopy

SHARED = "a-secret-that-both-sides-know-0123456789"


@pytest.fixture
def seeded_url(sqlite_copy: DatabaseCopy) -> str:
    """
    A database with the demo's users and clients.
    """
    return sqlite_copy("identity", prepare)


@dataclass(frozen=True, slots=True)
class Shop:
    """
    Both services, and how to reach identity.
    """

    settings: ServiceSettings
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


def who_app(settings: ServiceSettings) -> FastAPI:
    """
    A service that tells its callers who they are.
    """
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url)
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
        verifier=clients.token_verifier(identity),
        routers=[routes],
        resources=[clients.running],
        details={"upstreams": clients.details},
        telemetry=telemetry,
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
        async with call(who_app(settings)) as service:
            yield Shop(settings, service, url, identity)
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
    async with shop(seeded_url) as both, serve(who_app(both.settings)) as url:
        gateway = Clients(both.settings, Telemetry())
        identity = gateway.to("identity", both.identity_url)
        token = gateway.service_token(identity, client_id=GATEWAY[0], secret=GATEWAY[1])
        async with gateway.running():
            as_service = await gateway.to("who", url, authorize=token).post("/stock")
        as_admin = await both.service.post(
            "/stock", headers={"Authorization": await both.sign_in("admin")}
        )
        as_nobody = await both.service.post("/stock")

    statuses = [as_service.status, as_admin.status_code, as_nobody.status_code]
    assert statuses == [200, 403, 401]


async def test_a_service_is_told_which_client_it_is(seeded_url: str) -> None:
    """
    With a secret in its settings a service has a token of its own, by its name unless told
    otherwise; without one it has none.
    """
    async with shop(seeded_url) as both:
        clients = Clients(both.settings, Telemetry())
        identity = clients.to("identity", both.identity_url)
        tokens = [
            clients.own_token(identity, ServiceClientSettings.model_validate(told))
            for told in (
                {"service_name": GATEWAY[0], "service_client_secret": GATEWAY[1]},
                {"service_client_id": GATEWAY[0], "service_client_secret": GATEWAY[1]},
                {"service_name": GATEWAY[0]},
            )
        ]
        async with clients.running():
            whose = [(await both.who(await token())).json()["kind"] for token in tokens if token]

    assert whose == ["service", "service"]
    assert tokens[2] is None


async def test_a_wrong_client_secret_gives_no_token(seeded_url: str) -> None:
    """
    Without the right secret there is no token, and the caller is told that identity gave none.
    """
    async with shop(seeded_url) as both:
        gateway = Clients(both.settings, Telemetry())
        identity = gateway.to("identity", both.identity_url)
        token = gateway.service_token(identity, client_id=GATEWAY[0], secret="wrong" * 10)
        async with gateway.running():
            with pytest.raises(ServiceUnavailable):
                await token()


async def test_health_tells_of_the_services_behind(seeded_url: str) -> None:
    """
    ``/health`` shows each upstream's breaker, and ``/metrics`` the calls to it.
    """
    async with shop(seeded_url) as both:
        await both.who(await both.sign_in("shopper"))
        health = (await both.service.get("/health")).json()
        metrics = (await both.service.get("/metrics")).text

    assert health["details"]["upstreams"]["identity"]["state"] == "closed"
    assert 'upstream_call_duration_seconds_count{method="GET",outcome="ok"' in metrics


async def test_known_keys_serve_on_while_identity_is_away(seeded_url: str) -> None:
    """
    Whoever signed in stays signed in when the identity service stops: nobody asks it for a verdict.
    """
    async with AsyncExitStack() as until_identity_stops:
        identity_app = create_app(settings_for(seeded_url), hash_cost=CHEAP)
        url = await until_identity_stops.enter_async_context(serve(identity_app))
        settings = ServiceSettings.model_validate(
            {"service_name": "who", "identity_service_url": url}
        )
        async with call(who_app(settings)) as service:
            identity = ServiceClient("identity", url, caller="test")
            both = Shop(settings, service, url, identity)
            shopper, admin = await both.sign_in("shopper"), await both.sign_in("admin")
            await identity.aclose()
            first = await both.who(shopper)
            await until_identity_stops.aclose()
            second = await both.who(admin)

    assert (first.status_code, second.status_code) == (200, 200)


async def test_without_identity_from_the_start_it_is_503(free_port: int, seeded_url: str) -> None:
    """
    A service that has no keys yet says so, and serves guests.
    """
    async with shop(seeded_url) as both:
        token = await both.sign_in("shopper")
    away = {"service_name": "who", "identity_service_url": f"http://127.0.0.1:{free_port}"}
    async with call(who_app(ServiceSettings.model_validate(away))) as service:
        signed_in = await service.get("/who", headers={"Authorization": token})
        guest = await service.get("/who")

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

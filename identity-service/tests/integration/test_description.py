"""
How the service describes itself, and that its tables are what its migrations make.
"""

from running_identity import CHEAP, RunningIdentity, settings_for

from identity.main import create_app
from identity.seed import seed
from identity.users.models import Role
from identity.users.service import UserChange
from identity.wiring import build_services
from servicekit import migrations
from servicekit.testing.clock import FakeClock


async def test_migrations_make_the_tables(database_url: str) -> None:
    """
    A new database, migrated, differs in nothing from the tables that the code uses.
    """
    assert await migrations.pending_model_changes(database_url, "identity") == []


async def test_every_route_is_described(sqlite_url: str) -> None:
    """
    Each route has a summary, and each of its errors an example.
    """
    paths = create_app(settings_for(sqlite_url), hash_cost=CHEAP).openapi()["paths"]

    assert "/auth/token" in paths
    assert "/api/v1/auth/token" in paths
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["summary"], path
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert response["content"]["application/json"]["examples"], (path, status)
    form = paths["/auth/token"]["post"]["requestBody"]["content"]
    assert "application/x-www-form-urlencoded" in form


async def test_health_tells_of_the_database(identity: RunningIdentity) -> None:
    """
    /health names the database, /metrics counts what was issued.
    """
    await identity.sign_in("shopper")
    health = (await identity.http.get("/health")).json()
    metrics = (await identity.http.get("/metrics")).text

    assert health["dependencies"] == {"database": "healthy"}
    assert 'auth_tokens_issued_total{grant="password"} 1.0' in metrics


async def test_seeding_again_mends_what_was_changed(seeded_url: str, clock: FakeClock) -> None:
    """
    Seeding brings users and clients back to what the settings say, and makes nothing twice.
    """
    settings = settings_for(seeded_url)
    services = build_services(settings, now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        merchant = await services.users.find("merchant")
        assert merchant is not None
        await services.users.reset_password(merchant.id, "another long password", by=None)
        await services.clients.set_secret("api-gateway", "x" * 40, by=None)
        await seed(services, settings)
        await seed(services, settings)

        password = settings.seed_merchant_password
        assert password is not None
        await services.sign_in.check("merchant", password.get_secret_value(), address=None)
        page = await services.users.page(number=1, size=10, q=None)
        assert page.total == 3
        assert len(await services.clients.every()) == 2


async def test_seeding_gives_roles_back(seeded_url: str, clock: FakeClock) -> None:
    """
    A seeded user who was disabled or given other roles is as at the beginning after a seed.
    """
    settings = settings_for(seeded_url)
    services = build_services(settings, now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        shopper = await services.users.find("shopper")
        assert shopper is not None
        change = UserChange(is_disabled=True, roles=[Role.MERCHANT])
        await services.users.change(shopper.id, change, by=None)
        await seed(services, settings)
        seeded = await services.users.get(shopper.id)

    assert seeded.roles == {Role.SHOPPER}
    assert not seeded.is_disabled

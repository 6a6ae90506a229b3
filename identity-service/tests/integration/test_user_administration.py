"""
``/users`` for admins: all accounts, of which one admin always stays.
"""

import asyncio

import pytest
from running_identity import (
    CHEAP,
    RunningIdentity,
    claims_of,
    prepare,
    settings_for,
)
from sqlalchemy import text

from identity.errors import LastAdmin
from identity.users import repository
from identity.users.models import Role, User
from identity.users.service import NewUser, UserChange
from identity.wiring import Services, build_services
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually

NEW = {"userName": "anna", "password": "four words make sense", "email": "Anna@example.com"}


async def test_admins_make_find_change_and_remove_accounts(identity: RunningIdentity) -> None:
    """
    The life of an account in an admin's hands.
    """
    http = identity.http
    admin = (await identity.sign_in("admin")).bearer
    created = await http.post("/api/v1/users", json=NEW, headers=admin)
    path = created.headers["location"]
    assert created.status_code == 201
    assert created.json()["email"] == "Anna@example.com"
    assert path == f"/api/v1/users/{created.json()['id']}"
    assert (await http.get(path, headers=admin)).json() == created.json()
    assert (await identity.password("ANNA", NEW["password"])).status_code == 200

    page = (await http.get("/users", params={"q": "ANN", "size": 1}, headers=admin)).json()
    assert [user["userName"] for user in page["items"]] == ["anna"]
    assert (page["total"], page["pages"], page["page"], page["size"]) == (1, 1, 1, 1)
    everyone = (await http.get("/users", params={"page": 2, "size": 3}, headers=admin)).json()
    assert [user["userName"] for user in everyone["items"]] == ["shopper"]
    assert (await http.get("/users", params={"q": "%"}, headers=admin)).json()["total"] == 0

    change = {"roles": ["merchant"], "displayName": "Anna"}
    assert (await http.patch(path, json=change, headers=admin)).json()["roles"] == ["merchant"]
    assert (await http.delete(path, headers=admin)).status_code == 204
    for answer in (
        await http.get(path, headers=admin),
        await http.delete(path, headers=admin),
        await http.patch(path, json=change, headers=admin),
        await http.post(f"{path}/password-reset", headers=admin),
        await http.get(f"{path}/profile", headers=admin),
    ):
        assert answer.status_code == 404


async def test_names_are_taken_once(identity: RunningIdentity) -> None:
    """
    A user name or e-mail address belongs to one account, however it is written.
    """
    http, admin = identity.http, (await identity.sign_in("admin")).bearer
    shopper = f"/users/{await identity.user_id('shopper')}"
    answers = [
        await http.post("/users", json=NEW | {"userName": "SHOPPER"}, headers=admin),
        await http.post("/users", json=NEW | {"email": "Shopper@EXAMPLE.com"}, headers=admin),
        await http.patch(shopper, json={"email": "ADMIN@example.com"}, headers=admin),
    ]

    assert [answer.status_code for answer in answers] == [409] * 3
    fields = [answer.json()["error"]["details"]["field"] for answer in answers]
    assert fields == ["userName", "email", "email"]


async def test_of_many_at_once_one_gets_the_name(identity: RunningIdentity) -> None:
    """
    Accounts of one name that are made at the same moment become one account.
    """
    admin = (await identity.sign_in("admin")).bearer
    answers = await asyncio.gather(
        *(identity.http.post("/users", json=NEW, headers=admin) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_reset_password_is_told_once_and_signs_out(identity: RunningIdentity) -> None:
    """
    An admin's reset makes a password, or takes one, and ends the account's sign-ins.
    """
    admin = (await identity.sign_in("admin")).bearer
    shopper = await identity.sign_in("shopper")
    path = f"/users/{claims_of(shopper.access)['sub']}/password-reset"
    made = await identity.http.post(path, headers=admin)
    assert made.headers["cache-control"] == "no-store"
    assert (await identity.refresh(shopper.refresh)).status_code == 401
    assert (await identity.password("shopper", made.json()["password"])).status_code == 200

    given_one = await identity.http.post(
        path, json={"newPassword": "chosen by an admin"}, headers=admin
    )
    assert given_one.json()["password"] == "chosen by an admin"
    assert (await identity.password("shopper", "chosen by an admin")).status_code == 200


async def test_the_last_admin_stays(identity: RunningIdentity) -> None:
    """
    The last enabled admin can be neither demoted nor disabled nor removed.
    """
    admin = await identity.sign_in("admin")
    path = f"/users/{claims_of(admin.access)['sub']}"
    answers = [
        await identity.http.patch(path, json={"roles": ["shopper"]}, headers=admin.bearer),
        await identity.http.patch(path, json={"disabled": True}, headers=admin.bearer),
        await identity.http.delete(path, headers=admin.bearer),
    ]

    assert [answer.status_code for answer in answers] == [409] * 3
    renamed = await identity.http.patch(path, json={"displayName": "Boss"}, headers=admin.bearer)
    assert renamed.status_code == 200


async def test_two_admins_cannot_remove_each_other_at_once(identity: RunningIdentity) -> None:
    """
    However many admins are removed at the same moment, one is left.
    """
    admin = await identity.sign_in("admin")
    own_id = claims_of(admin.access)["sub"]
    ids = [own_id]
    for number in range(3):
        account = {**NEW, "userName": f"boss{number}", "email": None, "roles": ["admin"]}
        made = await identity.http.post("/users", json=account, headers=admin.bearer)
        ids.append(made.json()["id"])

    answers = await asyncio.gather(
        *(
            identity.http.patch(f"/users/{i}", json={"roles": ["shopper"]}, headers=admin.bearer)
            for i in ids
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 409]


async def test_admins_are_counted_one_change_at_a_time(postgres_url: str, clock: FakeClock) -> None:
    """
    While one admin is being demoted, the demotion of the other waits, and is then refused.
    """
    await asyncio.to_thread(prepare, postgres_url)
    services = build_services(settings_for(postgres_url), now=clock.now, hash_cost=CHEAP)
    async with services.opened():
        new = NewUser(user_name="boss", password="the boss has a password", roles=[Role.ADMIN])
        boss = await services.users.create(new, by=None)
        admin = await services.users.find("admin")
        assert admin is not None
        demotion = UserChange(roles=[Role.SHOPPER])
        async with services.database.write() as connection:
            await repository.lock_admins(connection)
            await repository.save(connection, demotion.applied_to(boss, clock.now()))
            other = asyncio.ensure_future(services.users.change(admin.id, demotion, by=None))
            await eventually(lambda: _has_met(services, other))
        with pytest.raises(LastAdmin):
            await other


async def _has_met(services: Services, task: asyncio.Future[User]) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with services.database.read() as connection:
        return task.done() or bool(await connection.scalar(text(waiting)))

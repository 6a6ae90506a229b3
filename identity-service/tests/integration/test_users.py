"""
``/users``: one's own account, and all accounts for admins.
"""

import asyncio
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_identity import (
    CHEAP,
    PASSWORDS,
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


async def test_me_is_who_signed_in(identity: RunningIdentity) -> None:
    """
    People see all of their own account but the password.
    """
    tokens = await identity.sign_in("shopper")
    me = await identity.http.get("/users/me", headers=tokens.bearer)

    assert me.status_code == 200
    assert me.json() == {
        "id": claims_of(tokens.access)["sub"],
        "userName": "shopper",
        "email": "shopper@example.com",
        "displayName": "Shopper",
        "roles": ["shopper"],
        "disabled": False,
        "createdAt": "2026-01-01T12:00:00Z",
        "updatedAt": "2026-01-01T12:00:00Z",
    }


async def test_others_see_the_shown_name(identity: RunningIdentity) -> None:
    """
    A profile is whole for its owner and for admins; others and services see the shown name.
    """
    shopper = await identity.sign_in("shopper")
    shopper_id = claims_of(shopper.access)["sub"]
    path = f"/users/{shopper_id}/profile"
    merchant = await identity.sign_in("merchant")
    admin = await identity.sign_in("admin")
    service = {"Authorization": f"Bearer {await identity.client_token()}"}

    whole = [
        (await identity.http.get(path, headers=h)).json() for h in (shopper.bearer, admin.bearer)
    ]
    part = [(await identity.http.get(path, headers=h)).json() for h in (merchant.bearer, service)]

    assert [body["email"] for body in whole] == ["shopper@example.com"] * 2
    assert part == [{"id": shopper_id, "displayName": "Shopper"}] * 2


async def test_people_change_their_profile(identity: RunningIdentity) -> None:
    """
    The shown name can be changed; the e-mail address is refused, taken or not.
    """
    tokens = await identity.sign_in("shopper")
    change = {"displayName": " Anna  K. "}
    changed = await identity.http.patch("/users/me/profile", json=change, headers=tokens.bearer)
    refused = [
        await identity.http.patch(
            "/users/me/profile", json={"email": address}, headers=tokens.bearer
        )
        for address in ("admin@example.com", "nobody@example.com")
    ]

    assert changed.json()["displayName"] == "Anna K."
    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].json()["error"] == refused[1].json()["error"]


async def test_an_admin_changes_an_address(identity: RunningIdentity) -> None:
    """
    An admin gives and takes away e-mail addresses; one signs in by the new one.
    """
    admin = (await identity.sign_in("admin")).bearer
    path = f"/users/{await identity.user_id('shopper')}"
    change = {"email": "anna.k@example.com"}
    changed = await identity.http.patch(path, json=change, headers=admin)
    signed_in = await identity.password("anna.k@example.com", PASSWORDS["shopper"])
    without = await identity.http.patch(path, json={"email": ""}, headers=admin)

    assert changed.json()["email"] == "anna.k@example.com"
    assert signed_in.status_code == 200
    assert without.json()["email"] is None


async def test_a_changed_password_signs_out_everywhere(identity: RunningIdentity) -> None:
    """
    The new password counts, the old one does not, and every sign-in has ended.
    """
    first = await identity.sign_in("shopper")
    second = await identity.sign_in("shopper")
    change = {"currentPassword": PASSWORDS["shopper"], "newPassword": "a wholly other phrase"}
    answer = await identity.http.post("/users/me/password", json=change, headers=first.bearer)

    assert answer.status_code == 204
    for tokens in (first, second):
        assert (await identity.refresh(tokens.refresh)).status_code == 401
        assert (await identity.validate(tokens.access)).status_code == 401
    assert (await identity.password("shopper")).status_code == 401
    assert (await identity.password("shopper", "a wholly other phrase")).status_code == 200


async def test_a_password_change_needs_the_current_one(identity: RunningIdentity) -> None:
    """
    A wrong current password changes nothing, and guessing it is throttled.
    """
    tokens = await identity.sign_in("shopper")
    change = {"currentPassword": "not the password", "newPassword": "a wholly other phrase"}

    async def attempt() -> int:
        answer = await identity.http.post("/users/me/password", json=change, headers=tokens.bearer)
        return answer.status_code

    assert [await attempt() for _ in range(6)] == [422] * 5 + [429]


async def test_weak_passwords_are_refused(identity: RunningIdentity) -> None:
    """
    The policy holds for one's own change, for an admin's reset and for new accounts.
    """
    admin = await identity.sign_in("admin")
    own = {"currentPassword": PASSWORDS["admin"], "newPassword": "password1234"}
    answers = [
        await identity.http.post("/users/me/password", json=own, headers=admin.bearer),
        await identity.http.post("/users", json=NEW | {"password": "short"}, headers=admin.bearer),
        await identity.http.post(
            "/users", json=NEW | {"password": "ANNA@example.com"}, headers=admin.bearer
        ),
    ]

    assert {answer.status_code for answer in answers} == {422}
    problems = [answer.json()["error"]["details"]["problems"][0] for answer in answers]
    named = [problem["field"] for problem in problems]
    assert named == ["body.newPassword", "body.password", "body.password"]


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


async def test_routes_ask_for_scopes_and_kinds(identity: RunningIdentity) -> None:
    """
    Nobody, a shopper, a read-only token and a service each get no further than they may.
    """
    http = identity.http
    shopper = (await identity.sign_in("shopper")).bearer
    reading = (await identity.sign_in("shopper", scope="read")).bearer
    service = {"Authorization": f"Bearer {await identity.client_token()}"}
    some_id = uuid.uuid4()
    for method, path in (
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", f"/users/{some_id}"),
        ("PATCH", f"/users/{some_id}"),
        ("DELETE", f"/users/{some_id}"),
        ("POST", f"/users/{some_id}/password-reset"),
        ("GET", "/clients"),
        ("POST", "/clients"),
        ("PATCH", "/clients/api-gateway"),
        ("DELETE", "/clients/api-gateway"),
        ("POST", "/clients/api-gateway/secret"),
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("POST", "/keys/rotate"),
    ):
        assert (await http.request(method, path)).status_code == 401, path
        assert (await http.request(method, path, headers=shopper)).status_code == 403, path
        assert (await http.request(method, path, headers=service)).status_code == 403, path

    assert (await http.get("/users/me")).status_code == 401
    assert (await http.get("/users/me", headers=service)).status_code == 403
    change = await http.patch("/users/me/profile", json={}, headers=reading)
    assert change.status_code == 403


async def test_wrong_methods_and_bodies_have_the_same_shape(identity: RunningIdentity) -> None:
    """
    404, 405, broken JSON, unknown fields and unknown ids are answered in the one shape.
    """
    admin = (await identity.sign_in("admin")).bearer
    answers = {
        404: await identity.http.get("/users/not-an-id", headers=admin),
        405: await identity.http.put("/users/me", headers=admin),
        400: await identity.http.post(
            "/users", content=b"{", headers=admin | {"Content-Type": "application/json"}
        ),
        422: await identity.http.post("/users", json=NEW | {"x": 1}, headers=admin),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "request_id"}


async def test_the_way_to_oneself_is_no_account(identity: RunningIdentity) -> None:
    """
    ``/users/me`` allows what is served there, and nothing of ``/users/{id}``.
    """
    admin = (await identity.sign_in("admin")).bearer

    answer = await identity.http.delete("/users/me", headers=admin)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    user_name=st.text(max_size=80),
    email=st.one_of(st.none(), st.text(max_size=60), st.emails()),
    display_name=st.text(max_size=120),
    password=st.text(min_size=10, max_size=40),
)
async def test_no_input_breaks_the_service(
    identity: RunningIdentity, user_name: str, email: str | None, display_name: str, password: str
) -> None:
    """
    Whatever text comes in, it is taken or refused, and what was taken can be signed in with.
    """
    admin = (await identity.sign_in("admin")).bearer
    body = {
        "userName": user_name,
        "email": email,
        "displayName": display_name,
        "password": password,
    }
    created = await identity.http.post("/users", json=body, headers=admin)
    search = await identity.http.get("/users", params={"q": user_name[:50]}, headers=admin)
    sign_in = await identity.password(user_name, password)

    assert created.status_code in {201, 409, 422}
    assert search.status_code in {200, 422}
    if created.status_code == 201:
        assert sign_in.status_code == 200
        await identity.http.delete(f"/users/{created.json()['id']}", headers=admin)
    else:
        assert sign_in.status_code in {400, 401, 429}

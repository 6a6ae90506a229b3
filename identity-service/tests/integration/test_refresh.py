"""
Refresh tokens: rotation, reuse, lives, races, and what takes effect at the next one.
"""

import asyncio

from running_identity import GATEWAY, INVENTORY, PASSWORDS, RunningIdentity, claims_of, tokens_of

DAY_S = 86_400


async def test_each_refresh_gives_the_next_token(identity: RunningIdentity) -> None:
    """
    A refresh token is good once, and its answer holds the next.
    """
    first = await identity.sign_in("shopper")
    second = tokens_of(await identity.refresh(first.refresh))
    third = tokens_of(await identity.refresh(second.refresh))

    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert claims_of(third.access)["sid"] == claims_of(first.access)["sid"]


async def test_reuse_ends_the_family(identity: RunningIdentity) -> None:
    """
    A used token that comes back ends the sign-in: the newest token and the access tokens too.
    """
    first = await identity.sign_in("shopper")
    second = tokens_of(await identity.refresh(first.refresh))

    reused = await identity.refresh(first.refresh)

    assert reused.status_code == 401
    assert reused.json()["error"]["details"]["error"] == "invalid_grant"
    assert (await identity.refresh(second.refresh)).status_code == 401
    assert (await identity.validate(second.access)).status_code == 401


async def test_reuse_leaves_other_sign_ins_alone(identity: RunningIdentity) -> None:
    """
    Another sign-in of the same user goes on.
    """
    stolen = await identity.sign_in("shopper")
    other = await identity.sign_in("shopper")
    await identity.refresh(stolen.refresh)
    await identity.refresh(stolen.refresh)

    assert (await identity.refresh(other.refresh)).status_code == 200


async def test_of_fifty_uses_at_once_one_succeeds(identity: RunningIdentity) -> None:
    """
    One of many concurrent uses gets tokens, and the family ends, since the others are reuses.
    """
    tokens = await identity.sign_in("shopper")

    answers = await asyncio.gather(*(identity.refresh(tokens.refresh) for _ in range(50)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [401] * 49
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await identity.refresh(tokens_of(winner).refresh)).status_code == 401


async def test_a_family_ends_when_idle(identity: RunningIdentity) -> None:
    """
    Seven days without a refresh end a sign-in; a refresh starts them anew.
    """
    tokens = await identity.sign_in("shopper")
    identity.clock.advance(7 * DAY_S - 1)
    tokens = tokens_of(await identity.refresh(tokens.refresh))
    identity.clock.advance(7 * DAY_S)

    assert (await identity.refresh(tokens.refresh)).status_code == 401


async def test_a_family_ends_after_its_life(identity: RunningIdentity) -> None:
    """
    After thirty days one signs in again, however often one has refreshed.
    """
    tokens = await identity.sign_in("shopper")
    for _ in range(5):
        identity.clock.advance(6 * DAY_S - 1)
        tokens = tokens_of(await identity.refresh(tokens.refresh))
    identity.clock.advance(5)

    assert (await identity.refresh(tokens.refresh)).status_code == 401


async def test_scope_can_be_narrowed_and_not_widened(identity: RunningIdentity) -> None:
    """
    A refresh asks for no more than the sign-in has; a refused request does not use the token up.
    """
    tokens = await identity.sign_in("shopper", scope="read")

    wider = await identity.refresh(tokens.refresh, scope="read write")
    same = await identity.refresh(tokens.refresh, scope="read")

    assert wider.status_code == 400
    assert wider.json()["error"]["details"]["error"] == "invalid_scope"
    assert same.json()["scope"] == "read"


async def test_changed_roles_count_from_the_next_refresh(identity: RunningIdentity) -> None:
    """
    Who loses a role loses its scopes at the next refresh, and nothing is gained beyond the sign-in.
    """
    admin = await identity.sign_in("admin")
    merchant_id = await identity.user_id("merchant")
    merchant = await identity.sign_in("merchant")
    path = f"/users/{merchant_id}"
    await identity.http.patch(path, json={"roles": ["admin"]}, headers=admin.bearer)
    promoted = tokens_of(await identity.refresh(merchant.refresh))

    assert claims_of(promoted.access)["roles"] == ["admin"]
    assert claims_of(promoted.access)["scope"] == "read write"
    assert claims_of(promoted.access)["permissions"] == ["catalog:write"]

    as_admin = await identity.sign_in("merchant")
    await identity.http.patch(path, json={"roles": ["shopper"]}, headers=admin.bearer)
    demoted = tokens_of(await identity.refresh(as_admin.refresh))

    assert claims_of(as_admin.access)["scope"] == "admin read write"
    assert claims_of(demoted.access)["scope"] == "read write"


async def test_who_is_disabled_is_signed_out(identity: RunningIdentity) -> None:
    """
    Neither the refresh token nor the access token of a disabled user is good.
    """
    admin = await identity.sign_in("admin")
    shopper_id = await identity.user_id("shopper")
    tokens = await identity.sign_in("shopper")

    await identity.http.patch(f"/users/{shopper_id}", json={"disabled": True}, headers=admin.bearer)

    assert (await identity.validate(tokens.access)).status_code == 401
    assert (await identity.refresh(tokens.refresh)).status_code == 401


async def test_a_clients_family_is_that_clients(identity: RunningIdentity) -> None:
    """
    What was issued to a client is refreshed by that client only, and trying does no harm.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    tokens = tokens_of(await identity.http.post("/auth/token", data=form, auth=GATEWAY))
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    post = identity.http.post

    without = await post("/auth/token", data=refresh)
    by_another = await post("/auth/token", data=refresh, auth=INVENTORY)
    by_itself = await post("/auth/token", data=refresh, auth=GATEWAY)

    assert claims_of(tokens.access)["client_id"] == "api-gateway"
    assert [without.status_code, by_another.status_code, by_itself.status_code] == [401, 401, 200]


async def test_what_never_was_a_token_is_refused(identity: RunningIdentity) -> None:
    """
    Neither a made-up refresh token nor an access token refreshes anything.
    """
    tokens = await identity.sign_in("shopper")

    assert (await identity.refresh("made up")).status_code == 401
    assert (await identity.refresh(tokens.access)).status_code == 401

"""
``/clients``: services and their secrets, in an admin's hands.
"""

from running_identity import GATEWAY, RunningIdentity, claims_of


async def test_a_new_client_gets_tokens_with_its_secret(identity: RunningIdentity) -> None:
    """
    A client's secret is told when it is made, and never again.
    """
    admin = (await identity.sign_in("admin")).bearer
    new = {"id": "reports", "scopes": ["read"], "permissions": ["reports:read"]}
    made = await identity.http.post("/clients", json=new, headers=admin)
    listed = await identity.http.get("/clients", headers=admin)

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.headers["location"] == "/clients/reports"
    token = await identity.client_token(("reports", made.json()["secret"]))
    assert claims_of(token)["scope"] == "read"
    assert claims_of(token)["permissions"] == []
    assert [item["id"] for item in listed.json()["items"]] == [
        "api-gateway",
        "inventory-service",
        "reports",
    ]
    assert "secret" not in listed.text.lower().replace("previoussecretuntil", "")


async def test_a_rotated_secret_may_overlap(identity: RunningIdentity) -> None:
    """
    The previous secret is good for as long as was asked, by default not at all.
    """
    admin = (await identity.sign_in("admin")).bearer
    path = "/clients/api-gateway/secret"
    kept = await identity.http.post(path, json={"keepPreviousForSeconds": 60}, headers=admin)

    await identity.client_token(GATEWAY)
    await identity.client_token((GATEWAY[0], kept.json()["secret"]))
    identity.clock.advance(60)
    late = await identity.token(grant_type="client_credentials", auth=GATEWAY)
    assert late.status_code == 401

    await identity.http.post(path, headers=admin)
    old = (GATEWAY[0], kept.json()["secret"])
    assert (await identity.token(grant_type="client_credentials", auth=old)).status_code == 401


async def test_a_changed_client_gets_other_tokens(identity: RunningIdentity) -> None:
    """
    Scopes and permissions count from the next token.
    """
    admin = (await identity.sign_in("admin")).bearer
    change = {"description": "The BFF", "permissions": ["stock:write"], "scopes": ["write"]}
    changed = await identity.http.patch("/clients/api-gateway", json=change, headers=admin)
    claims = claims_of(await identity.client_token())

    assert changed.json()["description"] == "The BFF"
    assert claims["permissions"] == ["stock:write"]
    assert claims["scope"] == "write"


async def test_what_is_no_client_is_refused(identity: RunningIdentity) -> None:
    """
    Ids that exist, do not exist or cannot exist, and values out of their form.
    """
    admin = (await identity.sign_in("admin")).bearer
    http = identity.http
    for body, status in (
        ({"id": "api-gateway"}, 409),
        ({"id": "Not An Id"}, 422),
        ({"id": "x", "scopes": ["everything"]}, 422),
        ({"id": "x", "scopes": []}, 422),
        ({"id": "x", "permissions": ["no colon"]}, 422),
        ({"id": "x", "description": "a\x00b"}, 422),
    ):
        answer = await http.post("/clients", json=body, headers=admin)
        assert answer.status_code == status, body

    for client_id, status in (("nobody", 404), ("-", 404), ("A", 422)):
        path = f"/clients/{client_id}"
        assert (await http.delete(path, headers=admin)).status_code == status
        assert (await http.patch(path, json={}, headers=admin)).status_code == status
        assert (await http.post(f"{path}/secret", headers=admin)).status_code == status

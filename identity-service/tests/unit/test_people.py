"""
Names, passwords, roles and clients, without a database.
"""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.clients.models import (
    ServiceClient,
    checked_client_id,
    checked_permissions,
    checked_scopes,
    checked_secret,
    is_secret_of,
    new_secret,
    secret_hash,
)
from identity.errors import WeakPassword
from identity.passwords import HashCost, PasswordHashing, checked_new_password
from identity.text import name_key
from identity.users.models import (
    Role,
    checked_display_name,
    checked_email,
    checked_roles,
    checked_user_name,
    permissions_of,
    scopes_of,
)
from servicekit.errors import InvalidRequest, Overloaded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHEAP = HashCost(memory_kib=64, passes=1, lanes=1)


@given(st.text())
def test_a_key_is_its_own_key(name: str) -> None:
    """
    The form in which names are compared does not change when it is made again.
    """
    assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize("name", ["anna", "Anna.K", "anna_k-2", "Ünal", "李小龙", "a" * 64])
def test_good_user_names(name: str) -> None:
    """
    Letters and digits of any script, with single marks between.
    """
    assert checked_user_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    ["", "ab", "a" * 65, "a b", ".anna", "anna.", "an..na", "anna@x", "an\x00na", "an\u202ena"],
)
def test_bad_user_names(name: str) -> None:
    """
    Too short or long, blanks, marks at the ends, an @, or what cannot be seen.
    """
    with pytest.raises(InvalidRequest):
        checked_user_name(name)


@pytest.mark.parametrize(
    "email", ["", "anna", "a@b", "a b@x.com", "a\x00@x.com", "a" * 255 + "@x.com"]
)
def test_bad_addresses(email: str) -> None:
    """
    What is no e-mail address is refused.
    """
    with pytest.raises(InvalidRequest):
        checked_email(email)


def test_addresses_are_normalised() -> None:
    """
    The domain is lower-case and the text composed.
    """
    assert checked_email("Anna@EXAMPLE.com") == "Anna@example.com"


def test_shown_names_are_tidied() -> None:
    """
    Blanks are single; names without a visible character are refused.
    """
    assert checked_display_name("  Anna   K. ") == "Anna K."
    for name in ("", "  ", "x" * 101, "a\u202eb"):
        with pytest.raises(InvalidRequest):
            checked_display_name(name)


def test_roles_add_up() -> None:
    """
    Somebody with several roles may do what each allows; nobody has none.
    """
    assert scopes_of([Role.SHOPPER]) == {"read", "write"}
    assert scopes_of([Role.SHOPPER, Role.ADMIN]) == {"read", "write", "admin"}
    assert permissions_of([Role.SHOPPER, Role.MERCHANT]) == {"catalog:write"}
    with pytest.raises(InvalidRequest):
        checked_roles([])


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 257,
        "password1234",
        "PASSWORD1234",
        "aaaaaaaaaaaa",
        "abababababab",
        "anna@example.com",
        "with\x00control",
        "\U0001f600" * 260,
    ],
)
def test_weak_passwords(password: str) -> None:
    """
    Too short, too long, among the worst, the user's own name, or no text.
    """
    with pytest.raises(WeakPassword):
        checked_new_password(password, names=("Anna@Example.com",))


def test_passwords_are_the_same_on_any_keyboard() -> None:
    """
    Composed and decomposed characters make the same password.
    """
    composed = checked_new_password("caf\u00e9 au lait!", names=())

    assert checked_new_password("cafe\u0301 au lait!", names=()) == composed


async def test_a_password_matches_its_hash_only() -> None:
    """
    The right password is right, in any composition; another, a broken hash and none are wrong.
    """
    hashing = PasswordHashing(CHEAP, threads=1, queue=5)
    encoded = await hashing.hash("caf\u00e9 au lait!")

    assert encoded.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    right = await hashing.verify("cafe\u0301 au lait!", encoded)
    assert right.is_right
    assert right.rehashed is None
    for password, against in (("other", encoded), ("caf\u00e9 au lait!", "broken"), ("x", None)):
        assert not (await hashing.verify(password, against)).is_right
    assert not (await hashing.verify("nobody has this password", None)).is_right
    await hashing.aclose()


async def test_hashing_is_bounded() -> None:
    """
    Beyond the threads and the queue a caller is refused at once, and places come free again,
    also those of callers who left.
    """
    hashing = PasswordHashing(CHEAP, threads=1, queue=1)
    release = threading.Event()
    running = asyncio.ensure_future(hashing._run(release.wait))
    waiting = asyncio.ensure_future(hashing._run(lambda: True))
    await asyncio.sleep(0)
    try:
        with pytest.raises(Overloaded):
            await asyncio.wait_for(hashing._run(lambda: None), 30)
        waiting.cancel()
        await asyncio.wait({waiting})
    finally:
        release.set()
    assert await running
    assert await hashing.hash("a third password")
    await hashing.aclose()


def client(**changed: object) -> ServiceClient:
    """
    A client whose secret is "current".
    """
    values: dict[str, object] = {
        "id": "api-gateway",
        "description": "",
        "secret_hash": secret_hash("current"),
        "previous_secret_hash": secret_hash("previous"),
        "previous_secret_until": NOW,
        "scopes": frozenset({"read"}),
        "permissions": frozenset(),
        "is_disabled": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ServiceClient(**(values | changed))  # type: ignore[arg-type]  # a test's own table of values


def test_a_client_opens_with_its_secrets_only() -> None:
    """
    The previous secret is good until its end; a disabled or unknown client opens with none.
    """
    before = NOW - timedelta(seconds=1)

    assert is_secret_of(client(), "current", NOW)
    assert is_secret_of(client(), "previous", before)
    assert not is_secret_of(client(), "previous", NOW)
    assert not is_secret_of(client(), "other", before)
    assert not is_secret_of(client(is_disabled=True), "current", NOW)
    assert not is_secret_of(None, "current", NOW)


def test_values_of_clients_have_a_form() -> None:
    """
    Ids, secrets, scopes and permissions out of their form are refused.
    """
    assert checked_secret(new_secret())
    for refused in (
        lambda: checked_client_id("Gateway"),
        lambda: checked_client_id("-x"),
        lambda: checked_secret("short"),
        lambda: checked_secret("x" * 31 + "+"),
        lambda: checked_scopes([]),
        lambda: checked_scopes(["everything"]),
        lambda: checked_permissions(["stock"]),
        lambda: checked_permissions(f"a:b{n}" for n in range(51)),
    ):
        with pytest.raises(InvalidRequest):
            refused()

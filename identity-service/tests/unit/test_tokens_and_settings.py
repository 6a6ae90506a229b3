"""
What tokens say, what settings allow, and that errors and settings are documented.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from identity import errors
from identity.errors import GrantRequestRefused
from identity.settings import Settings
from identity.tokens.models import (
    Grant,
    Holder,
    RefreshFamily,
    TokenLives,
    narrowed,
    new_refresh_token,
    token_hash,
)
from servicekit.settings import example_env
from servicekit.testing.error_tables import errors_drawn, errors_made, errors_told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIVES = TokenLives(
    access=timedelta(minutes=15), family=timedelta(days=30), family_idle=timedelta(days=7)
)
HOLDER = Holder(
    id="u",
    kind="user",
    email=None,
    roles=frozenset({"merchant"}),
    permissions=frozenset({"catalog:write"}),
    scopes=frozenset({"read", "write"}),
)
SECRET = "s" * 32


def settings(**values: object) -> Settings:
    """
    Settings from these values only.
    """
    given: dict[str, Any] = {"identity_key_secret": SECRET, **values}
    return Settings(_env_file=None, **given)


def test_scopes_narrow() -> None:
    """
    All that is allowed without a request; what is asked for if all of it is allowed.
    """
    assert narrowed(None, HOLDER.scopes) == narrowed("", HOLDER.scopes) == {"read", "write"}
    assert narrowed("read", HOLDER.scopes) == {"read"}
    for scope in ("admin", "read admin", " ", "read ", "a\\b", "é"):
        with pytest.raises(GrantRequestRefused):
            narrowed(scope, HOLDER.scopes)


def test_permissions_need_write() -> None:
    """
    A token that may only read carries no permission to change anything.
    """

    def permissions(*scopes: str) -> object:
        grant = Grant(HOLDER, frozenset(scopes))
        claims = grant.claims(issuer="i", audience="a", now=NOW, life=LIVES.access)
        return claims["permissions"]

    assert permissions("read", "write") == ["catalog:write"]
    assert permissions("read") == []


def test_a_family_lives_as_long_as_it_is_used_and_no_longer() -> None:
    """
    Idle and absolute life, whichever ends first.
    """
    family = RefreshFamily.begun(
        user_id="u", client_id=None, scopes=frozenset(), now=NOW, lives=LIVES
    )

    assert family.is_live(NOW + timedelta(days=7, seconds=-1))
    assert not family.is_live(NOW + timedelta(days=7))
    assert family.idle_until(NOW + timedelta(days=29), LIVES) == NOW + timedelta(days=30)


def test_refresh_tokens_are_random_and_stored_hashed() -> None:
    """
    256 bits each, and the stored form is another.
    """
    tokens = {new_refresh_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 43 and token_hash(token) != token for token in tokens)


@pytest.mark.parametrize(
    "values",
    [
        {"identity_key_secret": "short"},
        {"identity_key_secret": None},
        {"identity_key_secret_previous": "short"},
        {"jwt_algorithm": "HS256"},
        {"jwt_algorithm": "HS256", "jwt_secret_key": "x" * 31},
        {"jwt_algorithm": "none"},
        {"password_hash_memory_kib": 1024},
        {"refresh_token_idle_days": 31},
        {"sign_in_first_pause_seconds": 301},
        {"key_publication_delay_seconds": 1},
    ],
)
def test_impossible_settings_stop_the_start(values: dict[str, Any]) -> None:
    """
    A weak secret, a cheap hash, or values that contradict each other are refused.
    """
    with pytest.raises(ValidationError):
        settings(**values)


def test_secrets_do_not_show() -> None:
    """
    The settings' own text holds no secret.
    """
    assert SECRET not in repr(settings(seed_clients={"a": SECRET}))


def test_the_example_names_every_setting() -> None:
    """
    .env.example is what the settings say of themselves.
    """
    example = Path(__file__).parents[2] / ".env.example"

    assert example.read_text() == example_env(Settings)


def test_the_tree_of_errors_is_complete_and_true() -> None:
    """
    The docstring of errors.py draws each error of this service with its status and code.
    """
    assert errors_drawn(errors) == errors_made(errors)


def test_the_readme_tells_every_error() -> None:
    """
    The table in README.md names each error of this service with its status and code.
    """
    assert errors_told(Path(__file__).parents[2] / "README.md") == errors_made(errors)

"""
Which addresses of a database are taken.
"""

import pytest

from servicekit.database import Database
from servicekit.database_url import normalised_url


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("sqlite:///.data/shop.db", "sqlite+aiosqlite:///.data/shop.db"),
        ("sqlite:////srv/shop.db", "sqlite+aiosqlite:////srv/shop.db"),
        ("sqlite+aiosqlite:///shop.db", "sqlite+aiosqlite:///shop.db"),
        ("postgres://u:p@h/shop", "postgresql+asyncpg://u:p@h/shop"),
        ("postgresql://u:p%40ss@h:5433/shop", "postgresql+asyncpg://u:p%40ss@h:5433/shop"),
        ("postgresql+asyncpg://h/shop", "postgresql+asyncpg://h/shop"),
        ("postgresql://u@/shop?host=/run/pg", "postgresql+asyncpg://u@/shop?host=%2Frun%2Fpg"),
        ("postgresql://h/shop?sslmode=require", "postgresql+asyncpg://h/shop?ssl=require"),
    ],
)
def test_address_gets_our_driver(url: str, normalised: str) -> None:
    """
    Every usual form becomes one, and that one stays as it is.
    """
    assert normalised_url(url) == normalised
    assert normalised_url(normalised) == normalised


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.db",
        "mysql://user:secret@h/shop",
        "postgresql+psycopg://user:secret@h/shop",
        "postgresql://user:secret@h",
        "postgresql://user:secret@h:port/shop",
        "postgresql://user:secret@h/shop?options=secret",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:shop?mode=memory",
        "sqlite:///shop.db?mode=memory",
        "sqlite://user:secret@h/shop.db",
    ],
)
def test_other_address_is_one_clear_line(url: str) -> None:
    """
    What cannot be used is refused before anything starts, in one line without a password.
    """
    with pytest.raises(ValueError, match=r"\w") as caught:
        normalised_url(url)
    with pytest.raises(ValueError, match=r"\w"):
        Database(url)

    message = str(caught.value)
    assert "secret" not in message
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None

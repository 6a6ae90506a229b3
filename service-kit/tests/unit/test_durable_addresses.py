"""
Where the journal is, for every address that a service may have.
"""

import pytest

from servicekit.durable.addresses import journal_url, libpq_options


@pytest.mark.parametrize(
    ("database", "journal"),
    [
        ("sqlite:///.data/api_gateway_service.db", ".data/api_gateway_service_sagas.db"),
        ("sqlite:////var/lib/shop.sqlite3", "/var/lib/shop_sagas.sqlite3"),
        ("sqlite:////var/lib.d/shop", "/var/lib.d/shop_sagas"),
    ],
)
def test_journal_stands_beside_a_sqlite_file(database: str, journal: str) -> None:
    """
    A file of its own, so that orders and their journal do not wait for each other's writes.
    """
    url = journal_url(database)

    assert (url.drivername, url.database) == ("sqlite", journal)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (
            "postgresql://shop:p%40ss%2F%3A%25%20w@db.example:6432/orders",
            {
                "user": "shop",
                "password": "p@ss/:% w",
                "host": "db.example",
                "port": 6432,
                "dbname": "orders",
            },
        ),
        (
            "postgres://shop@db/orders?sslmode=verify-full&prepared_statement_cache_size=0",
            {"user": "shop", "host": "db", "dbname": "orders", "sslmode": "verify-full"},
        ),
        (
            "postgresql+asyncpg://shop@db/orders?ssl=require",
            {"user": "shop", "host": "db", "dbname": "orders", "sslmode": "require"},
        ),
        (
            "postgresql://postgres@/postgres?host=/tmp/a b/pg",
            {"user": "postgres", "dbname": "postgres", "host": "/tmp/a b/pg"},
        ),
    ],
)
def test_journal_stands_inside_a_postgresql_database(
    database: str, expected: dict[str, str]
) -> None:
    """
    The other driver is told the same: user, password, host or socket, and how to be sure of the server.
    """
    url = journal_url(database)

    assert url.drivername == "postgresql+psycopg"
    assert expected.items() <= libpq_options(url).items()

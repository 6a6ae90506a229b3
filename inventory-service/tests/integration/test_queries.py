"""
What questions cost the database: how many statements, and by which index.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from inventory_app import prepare, settings_for
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.ledger import repository as ledger
from inventory.origin import Origin
from inventory.products import repository as products
from inventory.products.models import Search
from inventory.stock import repository as stock
from inventory.stock.models import Wanted
from inventory.stock.service import StockService
from inventory.tables import products as products_table
from inventory.tables import stock_movements, stock_orders, stock_reservations
from inventory.wiring import Services, build_services
from servicekit.database import Database

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GATEWAY = Origin("service:api-gateway")
PRODUCTS = 2_000
ORDERS = 4_000


#: What is asked often, as the service asks it.
QUESTIONS: dict[str, Callable[[AsyncConnection], Awaitable[object]]] = {
    "one product": lambda on: products.by_id(on, "P-00042"),
    "products by id": lambda on: products.by_ids(on, [f"P-{number:05}" for number in range(50)]),
    "the first page": lambda on: products.page(on, Search(), offset=0, size=20),
    "a category": lambda on: products.page(on, Search(category="category-7"), offset=0, size=20),
    "by name": lambda on: products.page(on, Search(sort="name"), offset=0, size=20),
    "an order's reservations": lambda on: stock.of_order(on, "o-42"),
    "a reservation": lambda on: stock.by_id(on, "r-42"),
    "expired reservations": lambda on: stock.lock_due_orders(on, NOW, limit=100),
    "amounts to lock": lambda on: ledger.locked(on, ["P-00042", "P-00043"]),
    "a product's movements": lambda on: ledger.page(on, "P-00042", offset=0, size=20),
}


@contextmanager
def statements() -> Iterator[list[str]]:
    """
    Every statement that is sent meanwhile, without those that begin and end transactions.
    """
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
async def services(demo_url: str) -> AsyncIterator[Services]:
    """
    The parts of the service on a database with the demo's products.
    """
    services = build_services(settings_for(demo_url), now=lambda: NOW)
    async with services.opened():
        yield services


@pytest.fixture
async def full(database_copy: "DatabaseCopy") -> AsyncIterator[Database]:
    """
    A database with so many rows that an index is worth its while, and statistics that say so.
    """
    database = Database(database_copy("inventory_full", fill))
    yield database
    await database.aclose()


def fill(database_url: str) -> None:
    """
    Migrate a new database and write the rows.
    """
    prepare(database_url)
    asyncio.run(_fill(database_url))


async def _fill(database_url: str) -> None:
    database = Database(database_url)
    async with database.write() as connection:
        await connection.execute(products_table.insert(), [*_products()])
        await connection.execute(stock_orders.insert(), [*_orders()])
        await connection.execute(stock_reservations.insert(), [*_reservations()])
        await connection.execute(stock_movements.insert(), [*_movements()])
        await connection.execute(text("ANALYZE"))
    await database.aclose()


def _products() -> Iterator[dict[str, object]]:
    for number in range(PRODUCTS):
        name = f"P-{number:05}"
        yield {
            "id": name,
            "sku": name,
            "name": name,
            "description": "",
            "category": f"category-{number % 100}",
            "image_url": "/x",
            "name_key": name.lower(),
            "search_key": name.lower(),
            "stock_level": 10,
            "reserved": 0,
            "updated_at": NOW,
        }


def _orders() -> Iterator[dict[str, object]]:
    for number in range(ORDERS):
        yield {"order_id": f"o-{number}", "is_whole": True, "created_at": NOW}


def _reservations() -> Iterator[dict[str, object]]:
    for number in range(ORDERS):
        yield {
            "id": f"r-{number}",
            "order_id": f"o-{number}",
            "product_id": f"P-{number % PRODUCTS:05}",
            "line": 1,
            "quantity": 1,
            "status": "COMMITTED" if number % 50 else "RESERVED",
            "expires_at": NOW + timedelta(seconds=number),
            "created_at": NOW,
        }


def _movements() -> Iterator[dict[str, object]]:
    for number in range(ORDERS):
        yield {
            "product_id": f"P-{number % PRODUCTS:05}",
            "kind": "INITIAL",
            "stock_change": 10,
            "reserved_change": 0,
            "stock_level_after": 10,
            "reserved_after": 0,
            "who": "test",
            "at": NOW,
        }


async def plan_of(database: Database, question: str) -> str:
    """
    How the database answers the last statement of ``question``.
    """
    plans: list[str] = []

    def explain(
        _connection: object, cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        if statement.startswith("SELECT"):
            plans.append(_explained(database, cursor, statement, parameters))

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        async with database.write() as connection:
            await QUESTIONS[question](connection)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    return plans[-1]


def _explained(database: Database, cursor: object, statement: str, parameters: object) -> str:
    how = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    cursor.execute(f"{how} {statement}", parameters)  # type: ignore[attr-defined]  # a driver's cursor
    rows = cursor.fetchall()  # type: ignore[attr-defined]  # as above
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("one product", ("sqlite_autoindex_products_1", "pk_products")),
        ("products by id", ("sqlite_autoindex_products_1", "pk_products")),
        ("the first page", ("sqlite_autoindex_products_1", "pk_products")),
        ("a category", ("ix_products_category_id", "ix_products_category_id")),
        ("by name", ("ix_products_name_key_id", "ix_products_name_key_id")),
        (
            "an order's reservations",
            (
                "sqlite_autoindex_stock_reservations_2",
                "uq_stock_reservations_order_id_product_id",
            ),
        ),
        ("a reservation", ("sqlite_autoindex_stock_reservations_1", "pk_stock_reservations")),
        (
            "expired reservations",
            ("ix_stock_reservations_due (expires_at<?)", "ix_stock_reservations_due"),
        ),
        ("amounts to lock", ("sqlite_autoindex_products_1", "pk_products")),
        (
            "a product's movements",
            ("ix_stock_movements_product_id_id", "ix_stock_movements_product_id_id"),
        ),
    ],
)
async def test_every_frequent_question_has_its_index(
    full: Database, question: str, index: tuple[str, str]
) -> None:
    """
    Among thousands of rows, what is asked often is found by an index and never by reading a table.
    """
    plan = await plan_of(full, question)

    assert index[full.dialect == "postgresql"] in plan, plan
    # SQLite says SCAN where it walks an index in order, too; only a bare one reads the table.
    assert "Seq Scan" not in plan, plan
    assert all("USING" in line for line in plan.splitlines() if line.startswith("SCAN")), plan


async def test_ids_are_one_query_whatever_their_number(services: Services) -> None:
    """
    One id, two hundred ids: one statement, and few forms of it for the database to prepare.
    """
    forms = set()
    for number in (1, 2, 3, 60, 100, 199, 200):
        with statements() as seen:
            await services.products.some([f"TEST-{one:03}" for one in range(1, number + 1)])
        (only,) = seen
        forms.add(only)

    assert len(forms) == 6


async def test_a_page_is_two_queries(services: Services) -> None:
    """
    A page is counted and read, whatever its size; a product is one query.
    """
    with statements() as seen:
        await services.products.page(Search(), number=1, size=200)
    assert len(seen) == 2
    with statements() as seen:
        await services.products.get("TEST-001")
    assert len(seen) == 1


async def reserve_order(stock: StockService, order: str, count: int) -> None:
    """
    So many lines at once.
    """
    items = [Wanted(f"TEST-{one:03}", 1) for one in range(11, 11 + count)]
    await stock.reserve_order(order, items, GATEWAY)


async def test_an_order_costs_the_same_for_one_line_and_for_five(services: Services) -> None:
    """
    The statements of a reserve do not grow with its lines: the order, the amounts locked, lines,
    amounts and movements written, and the form noted.
    """
    counts = []
    for order, lines in (("o-1", 1), ("o-5", 5)):
        with statements() as seen:
            await reserve_order(services.stock, order, lines)
        counts.append(len(seen))

    assert counts == [6, 6]


async def test_a_single_reserve_is_five_statements(services: Services) -> None:
    """
    The order, the amounts locked, line, amounts and movement written.
    """
    with statements() as seen:
        await services.stock.reserve("o-1", Wanted("TEST-001", 1), GATEWAY)

    assert len(seen) == 5


async def test_a_repeated_reserve_writes_nothing(services: Services) -> None:
    """
    It finds its order, locks it and reads its lines.
    """
    await services.stock.reserve("o-1", Wanted("TEST-001", 1), GATEWAY)
    with statements() as seen:
        await services.stock.reserve("o-1", Wanted("TEST-001", 1), GATEWAY)

    assert len(seen) == 3

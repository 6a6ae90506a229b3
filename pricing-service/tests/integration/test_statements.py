"""
What the database is asked: how often, and by which index.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pricing_app import settings_for
from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext

from pricing.quotes.models import Item, Wanted
from pricing.wiring import Services, build_services
from servicekit.testing.clock import FakeClock

IDS = [f"TEST-{number:03}" for number in range(1, 61)] + [f"P-{number}" for number in range(140)]
NEVER = "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"
OWN_TABLES = ("price", "product", "discount", "quote")
Statement = tuple[str, object]


@contextmanager
def listening() -> Iterator[list[Statement]]:
    """
    The statements on this service's tables that run inside, as they reach the driver.
    """
    seen: list[Statement] = []

    def note(
        _connection: object,
        _cursor: DBAPICursor,
        statement: str,
        parameters: object,
        _context: ExecutionContext,
        _many: bool,
    ) -> None:
        if any(table in statement for table in OWN_TABLES):
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def services(seeded_url: str, clock: FakeClock) -> Services:
    """
    The service's parts on a seeded database.
    """
    return build_services(settings_for(seeded_url), now=clock.now)


async def plan_of(services: Services, statement: Statement) -> str:
    """
    How the database would do it.
    """
    sql, parameters = statement
    prefix = "EXPLAIN QUERY PLAN" if services.database.dialect == "sqlite" else "EXPLAIN"
    async with services.database.write() as connection:
        if services.database.dialect == "postgresql":
            # The tables of a test are too small to be worth an index otherwise.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = await connection.exec_driver_sql(f"{prefix} {sql}", parameters)  # type: ignore[arg-type]  # as the driver got them
        return "\n".join(str(tuple(row)) for row in rows)


def assert_by_index(plan: str, index: str) -> None:
    """
    The plan searches by this index, and reads no whole table.
    """
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "SCAN" not in plan, plan


async def test_reading_is_one_statement_by_an_index(services: Services, clock: FakeClock) -> None:
    """
    One price and two hundred, now and at a moment: one statement each, which searches an index.
    """
    in_force = "ix_price_versions_in_force"
    try:
        for ids in (IDS[:1], IDS):
            for at in (None, clock.now()):
                with listening() as seen:
                    await services.prices.several(ids, "USD", at=at)
                assert len(seen) == 1
                assert_by_index(await plan_of(services, seen[0]), in_force)
        with listening() as seen:
            await services.prices.history("TEST-001", "USD", page=1, size=20)
        for statement in seen:
            assert_by_index(await plan_of(services, statement), "ix_price_versions_")
    finally:
        await services.database.aclose()


async def test_a_quote_takes_few_statements(services: Services) -> None:
    """
    However many items and codes: prices and codes are read once; a repetition reads two rows.
    """
    codes = ("SUMMER20", "BOOKS15")
    wanted = Wanted(tuple(Item(one, 1) for one in IDS[:60]), codes, "USD")
    try:
        with listening() as calculated:
            await services.quotes.calculate(Wanted((Item("TEST-021", 1),), codes, "USD"))
        with listening() as without_order:
            await services.quotes.quote(wanted, order_id=None)
        with listening() as first:
            await services.quotes.quote(wanted, order_id="order-1")
        with listening() as again:
            await services.quotes.quote(wanted, order_id="order-1")
        with listening() as released:
            await services.quotes.release("order-1")
    finally:
        await services.database.aclose()

    # Prices and codes; besides the quote; besides the order's row, twice; the order and its quote.
    counts = [len(seen) for seen in (calculated, without_order, first, again, released)]
    assert counts == [2, 3, 5, 2, 4]


async def test_quotes_are_found_and_swept_by_index(services: Services) -> None:
    """
    A quote by its id and by its order, and the search for what is old.
    """
    wanted = Wanted((Item("TEST-001", 1),), (), "USD")
    try:
        await services.quotes.quote(wanted, order_id="order-1")
        with listening() as by_order:
            await services.quotes.quote(wanted, order_id="order-1")
        with listening() as swept:
            await services.quotes.forget_old()
        orders, quotes = [
            await plan_of(services, statement) for statement in swept if "DELETE" in statement[0]
        ]
        by_id = await plan_of(services, by_order[-1])
    finally:
        await services.database.aclose()

    assert "ON CONFLICT (order_id)" in by_order[0][0]
    assert_by_index(orders, "ix_quote_orders_touched_at")
    assert_by_index(quotes, "ix_quotes_valid_until")
    assert "pk_quotes" in by_id or "sqlite_autoindex_quotes_1" in by_id

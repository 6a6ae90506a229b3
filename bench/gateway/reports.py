"""
Reports of 100,000 orders: how long they take, how much they tell, and by how much the gateway's memory grows.

The orders are written into its database as the checkout writes them; half of them were confirmed, and
every one has its timeline.
"""

import asyncio
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, insert, text

from bench.load import Program, started
from bench.machine import memory_mb
from bench.results import Table as Figures
from bench.services import SECRET, databases, prepared
from gateway.tables import order_events, order_lines, orders
from servicekit.database import Database
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

ORDERS: Final = 100_000
_BATCH: Final = 2_000
_SINCE: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HAPPENED: Final = ("accepted", "reserve-stock.done", "quote-price.refused", "rejected")
_ASKED: Final = {
    "troubles, JSON": "troubles?format=json",
    "troubles, CSV": "troubles?format=csv",
    "orders, JSON": "orders?format=json",
    "top products, CSV": "top-products?format=csv",
}
Row = Mapping[str, Any]


def measure() -> Figures:
    """
    Each report on each database.
    """
    rows: dict[str, dict[str, float]] = {}
    with databases("api_gateway") as kinds:
        for kind, urls in kinds.items():
            environment = {
                "DATABASE_URL": urls["api_gateway"],
                "TAKES_ORDERS": "false",
                "JWT_ALGORITHM": "HS256",
                "JWT_SECRET_KEY": SECRET,
                "JWT_ISSUER": ISSUER,
                "JWT_AUDIENCE": AUDIENCE,
            }
            prepared("gateway", "migrate", environment)
            asyncio.run(_fill(urls["api_gateway"]))
            with started([sys.executable, "-m", "gateway", "serve"], environment) as gateway:
                rows |= {f"{kind}: {name}": _read(gateway, path) for name, path in _ASKED.items()}
    return Figures(rows, (f"{ORDERS:,} orders; half of them are troubles.",))


async def _fill(url: str) -> None:
    database = Database(url)
    try:
        for first in range(0, ORDERS, _BATCH):
            async with database.write() as connection:
                for table, values in _rows(range(first, first + _BATCH)):
                    await connection.execute(insert(table), values)
        async with database.write() as connection:
            await connection.execute(
                text("ANALYZE")
            )  # as PostgreSQL does by itself within a minute
    finally:
        await database.aclose()


def _rows(numbers: range) -> Iterator[tuple[Table, list[Row]]]:
    yield orders, [_order(number) for number in numbers]
    yield (
        order_events,
        [
            {"order_id": _id(number), "seq": seq, "name": name, "at": _at(number), "facts": {}}
            for number in numbers
            for seq, name in enumerate(_HAPPENED, start=1)
        ],
    )
    yield order_lines, [_line(number) for number in numbers if _is_confirmed(number)]


def _id(number: int) -> str:
    return f"{number:032x}"


def _at(number: int) -> datetime:
    return _SINCE + timedelta(seconds=20 * number)


def _is_confirmed(number: int) -> bool:
    return number % 2 == 0


def _order(number: int) -> Row:
    at, is_confirmed = _at(number), _is_confirmed(number)
    return {
        "id": _id(number),
        "status": "CONFIRMED" if is_confirmed else "REJECTED",
        **dict.fromkeys(("created_at", "updated_at", "ended_at"), at),
        "day": at.date().isoformat(),
        "items": [["TEST-001", 2]],
        "discount_codes": [],
        "correlation_id": _id(number),
        "currency": "USD" if is_confirmed else None,
        "subtotal": 3998 if is_confirmed else None,
        "total": 3998 if is_confirmed else None,
        "reason_code": None if is_confirmed else "INVALID_DISCOUNT",
        "reason": None if is_confirmed else {"message": "TEN is used up.", "details": {}},
    }


def _line(number: int) -> Row:
    return {
        "order_id": _id(number),
        "product_id": f"TEST-{number % 500:03}",
        "quantity": 2,
        "unit_price": 1999,
        "line_total": 3998,
        "currency": "USD",
        "day": _at(number).date().isoformat(),
    }


def _read(gateway: Program, path: str) -> dict[str, float]:
    token = hs256_token(SECRET.encode(), now=time.time(), scope="read write admin")
    request = urllib.request.Request(
        f"{gateway.url}/api/v1/reports/{path}&from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z",
        headers={"Authorization": f"Bearer {token}"},
    )
    # From now on the highest is counted anew.
    Path(f"/proc/{gateway.pid}/clear_refs").write_text("5")
    before_mb, began_at, size = memory_mb(gateway.pid), time.perf_counter(), 0
    with urllib.request.urlopen(request, timeout=120) as answer:
        while piece := answer.read(1 << 16):
            size += len(piece)
    return {
        "s": time.perf_counter() - began_at,
        "MB told": size / 1e6,
        "memory, + MB": memory_mb(gateway.pid, "VmHWM") - before_mb,
    }

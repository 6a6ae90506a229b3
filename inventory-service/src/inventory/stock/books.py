"""
Writes a change of reservations down in both places: what they are, and what that does to amounts.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.ledger import repository as ledger
from inventory.origin import Origin
from inventory.stock import repository
from inventory.stock.models import Deed, Reservation


async def carry_out(
    connection: AsyncConnection,
    deed: Deed,
    lines: Sequence[Reservation],
    *,
    by: Origin,
    at: datetime,
) -> None:
    """
    Move these reservations, of orders that this transaction has locked.
    """
    if not lines:
        return
    amounts = await ledger.locked(connection, {line.product_id for line in lines})
    await repository.set_status(connection, lines, deed.to)
    postings = [line.posting(deed.kind) for line in lines]
    await ledger.post(connection, postings, amounts.values(), by, at)

"""
What moved, and whether the books are right.
"""

from collections.abc import Mapping

from inventory.ledger import repository
from inventory.shapes import Page
from servicekit.database import Database
from servicekit.errors import NotFound


class LedgerService:
    """
    Reads the ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def movements(self, product_id: str, *, number: int, size: int) -> Page:
        """
        A page of a product's movements, the newest first; those of a removed product too.

        Raises NotFound where there never was such a product: each has its first movement.
        """
        async with self._database.read() as connection:
            page = await repository.page(
                connection, product_id, offset=(number - 1) * size, size=size
            )
        if not page.total:
            raise NotFound("product", product_id)
        return page

    async def audit(self) -> Mapping[str, str]:
        """
        The products whose amounts are not what the ledger says, and how they differ.
        """
        async with self._database.read() as connection:
            return await repository.differing(connection)

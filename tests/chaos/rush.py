"""
Far more people than units: every unit is sold once, and nobody gets one that is not there.
"""

import time
from typing import Final

from tests.chaos.books import Discrepancy
from tests.chaos.construction import Plan
from tests.chaos.databases import Kind
from tests.chaos.load import adjust, merchant
from tests.chaos.shopping import Wish
from tests.chaos.single_shop import Shop, shop
from tests.chaos.statement import read_statement
from tests.chaos.tally import Tally, say

PRODUCT: Final = "TEST-060"
AT_ONCE: Final = 32


async def rush(
    database: Kind, seed: str, tally: Tally, *, orders: int = 10_000, units: int = 1_000
) -> None:
    """
    So many orders of one piece each, for so many units.
    """
    # Who is too late is told so quickly enough: nobody need be impatient here.
    async with shop(Plan(database, seed, gateway_settings={}), tally) as stocked:
        place = await _with_units(stocked, units)
        wishes = [
            Wish(key=f"rush:{seed}:{number:06}", items={PRODUCT: 1}) for number in range(orders)
        ]
        began = time.monotonic()
        told = await place.crowd.shop(wishes, at_once=AT_ONCE)
        seconds = time.monotonic() - began
        now = await place.settled_books(told)
        ends = [order.status for order in now.orders.values()]
        sold, left = ends.count("CONFIRMED"), now.shelves[PRODUCT].stock_level
        if (len(ends), sold, left) != (orders, units, 0):
            what = f"{len(ends)} orders, {sold} sold, {left} left"
            tally.found.append(Discrepancy("rush", PRODUCT, what))
        say(
            f"{orders} orders for {units} units with {AT_ONCE} shoppers in {seconds:.0f} s:"
            f" {sold} sold, {left} left, {ends.count('REJECTED')} refused"
        )


async def _with_units(place: Shop, units: int) -> Shop:
    """
    The shop with exactly so many units on the shelf, and its books as they are then.
    """
    there = place.start.shelves[PRODUCT].stock_level
    async with merchant(place.world) as client:
        await adjust(client, place.world, PRODUCT, units - there)
    return Shop(place.world, place.crowd, await read_statement(place.world.databases), place.tally)

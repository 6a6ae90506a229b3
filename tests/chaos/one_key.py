"""
A hundred requests with one key, at once: one order, and one answer for all.
"""

from typing import Final

from tests.chaos.books import Discrepancy
from tests.chaos.construction import Plan
from tests.chaos.databases import Kind
from tests.chaos.load import PLENTIFUL
from tests.chaos.shopping import Wish
from tests.chaos.single_shop import shop
from tests.chaos.tally import Tally, say

COPIES: Final = 100


async def one_key(database: Kind, seed: str, tally: Tally) -> None:
    """
    Three gateways share a PostgreSQL database; on SQLite there is one.
    """
    gateways = 3 if database == "postgresql" else 1
    async with shop(Plan(database, seed, gateways=gateways), tally) as place:
        wish = Wish(key=f"one-key-for-all:{seed}", items={PLENTIFUL[0]: 1}, copies=COPIES)
        told = await place.crowd.shop([wish], at_once=1)
        now = await place.settled_books(told)
        statuses = [answer.status for answer in told[0].placed]
        if statuses != [201] * COPIES or len(now.orders) != 1:
            what = f"{len(now.orders)} orders, answers {statuses}"
            tally.found.append(Discrepancy("one key", wish.key, what))
        replays = sum(answer.is_replay for answer in told[0].placed)
        say(f"{COPIES} requests with one key: {len(now.orders)} order, {replays} replays")

"""
Many shoppers at once, and a shop that is stocked up for them.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.chaos.construction import INVENTORY, PRICING
from tests.chaos.shopping import Shopper, Told, Wish
from tests.chaos.world import World

#: So much of these that no run sells it.
PLENTIFUL: Final = ("TEST-001", "TEST-002", "TEST-011", "TEST-021", "TEST-031", "TEST-041")
#: The demo has a few dozens of this one, and nobody can have so many.
SCARCE: Final = "TEST-051"
TOO_MANY: Final = 900_000
UNKNOWN: Final = "TEST-999"
#: A code whose uses are claimed, and which no run uses up; and one of which few uses are left.
CLAIMED_CODE: Final = "CHAOS10"
RARE_CODE: Final = "CHAOS-RARE"
RARE_USES: Final = 5
_MORE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Taste:
    """
    What so many in a hundred want besides what everybody wants.
    """

    weight: int
    besides: Mapping[str, int] = field(default_factory=dict)
    codes: tuple[str, ...] = ()


_TASTES: Final = (
    _Taste(8, besides={SCARCE: TOO_MANY}),
    _Taste(3, besides={UNKNOWN: 1}),
    _Taste(8, codes=("NOPE",)),
    _Taste(8, codes=(RARE_CODE,)),
    _Taste(15, codes=(CLAIMED_CODE,)),
    _Taste(15, codes=("SUMMER20",)),
    _Taste(43),
)

OnTold = Callable[[Told], Awaitable[None]]


async def _nobody(_told: Told) -> None:
    """
    Nobody listens.
    """


class Crowd:
    """
    Thinks of wishes, and carries them to the shop. Everything is drawn from a seed.
    """

    def __init__(self, shopper: Shopper, *, seed: str) -> None:
        self._shopper = shopper
        self._random = random.Random(seed)
        self._wishes = 0
        self._seed = seed

    def wishes(self, count: int, *, come_back: float = 1.0) -> list[Wish]:
        """
        So many different wishes; ``come_back`` is the share that asks again after a failure.
        """
        return [self._wish(come_back) for _ in range(count)]

    async def shop(
        self,
        wishes: Sequence[Wish],
        *,
        at_once: int,
        on_told: OnTold = _nobody,
    ) -> list[Told]:
        """
        Carry all of them to the shop, so many at a time; tells what each was told, in their order.
        """
        places = asyncio.Semaphore(at_once)

        async def one(wish: Wish) -> Told:
            async with places:
                told = await self._shopper.shop(wish)
            await on_told(told)
            return told

        return await asyncio.gather(*map(one, wishes))

    def _wish(self, come_back: float) -> Wish:
        draw = self._random.random
        self._wishes += 1
        (taste,) = self._random.choices(_TASTES, [taste.weight for taste in _TASTES])
        return Wish(
            key=f"{self._seed}:{self._wishes:06}:{self._random.getrandbits(64):016x}",
            items={**self._items(), **taste.besides},
            codes=taste.codes,
            currency="EUR" if draw() < 0.2 else None,
            is_signed_in=draw() < 0.3,
            copies=self._random.choice((2, 3)) if draw() < 0.15 else 1,
            waits=draw() >= 0.15,
            comes_back=draw() < come_back,
            hangs_up=draw() < 0.05,
            cancels=draw() < 0.2,
        )

    def _items(self) -> dict[str, int]:
        products = self._random.sample(PLENTIFUL, self._random.choice((1, 1, 2, 3)))
        return {product: self._random.randint(1, 5) for product in products}


@asynccontextmanager
async def crowd_at(
    world: World, *, seed: str, answer_within_s: float = 30.0
) -> AsyncIterator[Crowd]:
    """
    A crowd before all of the world's gateways. Who is not answered in time goes elsewhere.
    """
    urls = [gateway.url for gateway in world.gateways]
    token = await world.token("shopper")
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(limits=limits) as client:
        shopper = Shopper(client, urls, token, seed=seed, answer_within_s=answer_within_s)
        yield Crowd(shopper, seed=seed)


async def stock_up(world: World) -> None:
    """
    Fill the shelves, and make the codes that the wishes name.
    """
    async with merchant(world) as client:
        for product in PLENTIFUL:
            await adjust(client, world, product, _MORE)
        for code, uses in ((CLAIMED_CODE, _MORE), (RARE_CODE, RARE_USES)):
            await _put_code(client, world, code, uses)


async def adjust(client: httpx.AsyncClient, world: World, product: str, change: int) -> None:
    """
    Put units of a product on its shelf, or take some off.
    """
    url = f"{world.servers[INVENTORY].url}/api/v1/products/{product}/adjustments"
    body = {"change": change, "reason": "Made ready", "adjustmentId": f"ready:{change}"}
    (await client.post(url, json=body)).raise_for_status()


@asynccontextmanager
async def merchant(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """
    A client that may change products and codes.
    """
    token = await world.token("merchant")
    async with httpx.AsyncClient(
        timeout=30, headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def _put_code(client: httpx.AsyncClient, world: World, code: str, uses: int) -> None:
    url = f"{world.servers[PRICING].url}/api/v1/discounts/{code}"
    body: dict[str, Any] = {
        "description": "10 % off while it lasts",
        "kind": {"type": "PERCENTAGE", "percent": "10"},
        "useLimit": uses,
    }
    (await client.put(url, json=body)).raise_for_status()

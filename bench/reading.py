"""
What it costs to read a batch from inventory and from pricing: microseconds of one core's time.

``python -m bench.reading [batch size]``. The same rules by different means, and two readings without
any rules to compare with. Rounds are interleaved, and each figure is the best of them.
"""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
import orjson
from msgspec import Meta, Struct
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from gateway.upstreams import inventory, pricing
from gateway.upstreams.models import Price, Product
from gateway.upstreams.reading import Items
from servicekit.http import Reply

ROUNDS: Final = 15
READINGS: Final = 300
ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
AMOUNT: Final = r"^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?$"
CURRENCY: Final = "^[A-Z]{3}$"
ADDRESS: Final = "^(?:/|https?://)"
MAX_COUNT: Final = 2**53 - 1
MAX_TEXT: Final = 10_000

One = TypeVar("One")
Id = Annotated[str, Meta(pattern=ID)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]


class PatternProduct(Struct, frozen=True, rename="camel", gc=False):
    """
    A product, every rule of which msgspec checks by itself.
    """

    id: Id
    sku: Text
    name: Text
    description: Text
    category: Text
    image_url: Annotated[str, Meta(pattern=ADDRESS, max_length=MAX_TEXT)]
    stock_level: Count
    reserved: Count
    available: Count
    updated_at: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        if self.available + self.reserved > self.stock_level:
            raise ValueError("contradicts itself")


class PatternPrice(Struct, frozen=True, rename="camel", gc=False):
    """
    A price, likewise.
    """

    product_id: Id
    base_price: Annotated[str, Meta(pattern=AMOUNT)]
    currency: Annotated[str, Meta(pattern=CURRENCY)]


class Model(BaseModel):
    """
    What pydantic's models have in common.
    """

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, strict=True)


class PydanticProduct(Model):
    """
    A product by the same rules.
    """

    id: Annotated[str, Field(pattern=ID)]
    sku: Annotated[str, Field(max_length=MAX_TEXT)]
    name: Annotated[str, Field(max_length=MAX_TEXT)]
    description: Annotated[str, Field(max_length=MAX_TEXT)]
    category: Annotated[str, Field(max_length=MAX_TEXT)]
    image_url: Annotated[str, Field(pattern=ADDRESS, max_length=MAX_TEXT)]
    stock_level: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    reserved: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    available: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    updated_at: AwareDatetime

    @model_validator(mode="after")
    def _sound(self) -> "PydanticProduct":
        if self.available + self.reserved > self.stock_level:
            raise ValueError("contradicts itself")
        return self


class PydanticPrice(Model):
    """
    A price by the same rules.
    """

    product_id: Annotated[str, Field(pattern=ID)]
    base_price: Annotated[str, Field(pattern=AMOUNT)]
    currency: Annotated[str, Field(pattern=CURRENCY)]


class PydanticProducts(Model):
    """
    A list of products.
    """

    items: list[PydanticProduct]


class PydanticPrices(Model):
    """
    A list of prices.
    """

    items: list[PydanticPrice]


def measured(size: int) -> dict[str, tuple[float, float]]:
    """
    Microseconds for a batch of products and a batch of prices, by each means.
    """
    ids = [f"TEST-{number:03}" for number in range(size)]
    products = _reply("inventory", [_product(one) for one in ids])
    prices = _reply("pricing", [_price(one) for one in ids])
    pattern_products = msgspec.json.Decoder(Items[PatternProduct])
    pattern_prices = msgspec.json.Decoder(Items[PatternPrice])
    bare_products = msgspec.json.Decoder(Items[Product])
    bare_prices = msgspec.json.Decoder(Items[Price])
    contents = products.content, prices.content
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "the gateway: msgspec, forms checked by batch, ids compared": (
            lambda: inventory.PRODUCTS.read(products, ids),
            lambda: pricing.PRICES.read(prices, ids),
        ),
        "msgspec with a pattern for each form": (
            lambda: pattern_products.decode(contents[0]),
            lambda: pattern_prices.decode(contents[1]),
        ),
        "pydantic with the same rules": (
            lambda: PydanticProducts.model_validate_json(contents[0]),
            lambda: PydanticPrices.model_validate_json(contents[1]),
        ),
        "msgspec, types and bounds only": (
            lambda: bare_products.decode(contents[0]),
            lambda: bare_prices.decode(contents[1]),
        ),
        "orjson, nothing checked": (
            lambda: orjson.loads(contents[0]),
            lambda: orjson.loads(contents[1]),
        ),
    }
    best = dict.fromkeys(ways, (float("inf"), float("inf")))
    for _ in range(ROUNDS):
        for name, (one, other) in ways.items():
            best[name] = (min(best[name][0], _timed(one)), min(best[name][1], _timed(other)))
    return best


def _timed(read: Callable[[], object]) -> float:
    begins = time.process_time_ns()
    for _ in range(READINGS):
        read()
    return (time.process_time_ns() - begins) / READINGS / 1000


def _reply(upstream: str, items: list[dict[str, object]]) -> Reply:
    content = orjson.dumps(
        {"items": items, "page": 1, "size": len(items), "total": len(items), "pages": 1}
    )
    return Reply(upstream=upstream, status=200, headers={}, content=content, elapsed_s=0.0)


def _product(product_id: str) -> dict[str, object]:
    return {
        "id": product_id,
        "sku": product_id,
        "name": "Aurora Wireless Earbuds",
        "description": "Small earbuds that block out the train and last a working day with their case.",
        "category": "electronics",
        "imageUrl": f"/pictures/{product_id}.svg",
        "stockLevel": 140,
        "reserved": 3,
        "available": 137,
        "updatedAt": "2026-07-01T12:00:00.123456Z",
    }


def _price(product_id: str) -> dict[str, object]:
    return {
        "productId": product_id,
        "basePrice": f"{len(product_id)}9.{product_id[-2:]}",
        "currency": "USD",
        "validFrom": "2026-07-01T12:00:00Z",
        "validUntil": None,
        "priceType": "REGULAR",
    }


if __name__ == "__main__":
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    print(f"{'microseconds for a batch of ' + str(batch):<62}{'products':>10}{'prices':>10}")
    for way, (of_products, of_prices) in measured(batch).items():
        print(f"{way:<62}{of_products:>10.1f}{of_prices:>10.1f}")

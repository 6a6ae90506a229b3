"""
What the product routes take and answer.
"""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from inventory.ledger.models import MAX_STOCK_LEVEL
from inventory.product_ids import ADDRESS_PATTERN, ID_PATTERN, not_an_address
from inventory.products.models import (
    MAX_IDS,
    Adjustment,
    NewProduct,
    ProductChange,
)
from servicekit.errors import InvalidRequest, Problem
from servicekit.schemas import AnswerModel, PageOf, RequestModel, Whole
from servicekit.text import PlainText

EXAMPLE: Final[dict[str, JsonValue]] = {
    "id": "TEST-001",
    "sku": "TEST-001",
    "name": "Aurora Wireless Earbuds",
    "description": "Small earbuds that block out the train and last a working day with their case.",
    "category": "electronics",
    "imageUrl": "/pictures/TEST-001.svg",
    "stockLevel": 140,
    "reserved": 3,
    "available": 137,
    "updatedAt": "2026-07-01T12:00:00Z",
}

Sku = Annotated[str, Field(pattern=ID_PATTERN, examples=["TEST-001"])]
NewId = Annotated[
    Sku,
    AfterValidator(not_an_address),
    Field(json_schema_extra={"not": {"pattern": ADDRESS_PATTERN}}),
]
Trimmed = Annotated[PlainText, AfterValidator(str.strip)]
Name = Annotated[Trimmed, Field(min_length=1, max_length=200)]
Text = Annotated[Trimmed, Field(max_length=2000)]
Category = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=40, examples=["electronics"]),
]
#: A path of the shop's own, or an address of the web; nothing that a browser would run.
ImageUrl = Annotated[
    str,
    Field(max_length=500, pattern=r"^(/|https?://)[A-Za-z0-9._~%-][A-Za-z0-9._~%/:?&=+,@-]*$"),
]
StockLevel = Annotated[int, Whole(ge=0, le=MAX_STOCK_LEVEL)]


_IS_ID: Final = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$")).fullmatch
_IDS: Final = (
    "must be ids of 1 to 64 of A-Z a-z 0-9 . _ -, each beginning with a letter or digit, "
    "with commas between them"
)


def _not_zero(change: int) -> int:
    if change == 0:
        raise ValueError("must not be 0")
    return change


class NewProductRequest(RequestModel):
    """
    A product to be. Without a SKU its id is the SKU; without an address, a picture is drawn.
    """

    id: NewId
    name: Name
    category: Category
    description: Text = ""
    sku: Sku | None = None
    image_url: ImageUrl | None = None
    stock_level: StockLevel = 0

    def new_product(self) -> NewProduct:
        """
        The product that is meant.
        """
        return NewProduct(**self.model_dump())


class ProductPatchRequest(RequestModel):
    """
    What is changed; what is left out stays. Stock levels change by adjustments.
    """

    name: Name | None = None
    category: Category | None = None
    description: Text | None = None
    sku: Sku | None = None
    image_url: ImageUrl | None = None

    def change(self) -> ProductChange:
        """
        The change that is meant.
        """
        return ProductChange(**self.model_dump())


class AdjustmentRequest(RequestModel):
    """
    So many units more or less. The same ``adjustmentId`` counts once for each product.
    """

    change: Annotated[
        int,
        Whole(ge=-MAX_STOCK_LEVEL, le=MAX_STOCK_LEVEL),
        AfterValidator(_not_zero),
        Field(examples=[-2], json_schema_extra={"not": {"const": 0}}),
    ]
    reason: Annotated[Trimmed, Field(min_length=1, max_length=500, examples=["Two were broken"])]
    adjustment_id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$", examples=["stocktaking-2026-07"])
    ]

    def adjustment(self) -> Adjustment:
        """
        The adjustment that is meant.
        """
        return Adjustment(id=self.adjustment_id, change=self.change, reason=self.reason)


class ProductResponse(AnswerModel):
    """
    A product and its stock: ``available`` is what can be reserved, ``stockLevel - reserved``.
    ``updatedAt`` moves with the stock, too.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str
    sku: str
    name: str
    description: str
    category: str
    image_url: str
    stock_level: int
    reserved: int
    available: int
    updated_at: datetime


class ProductsResponse(PageOf[ProductResponse]):
    """
    One page of products.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [EXAMPLE], "page": 1, "size": 20, "total": 1, "pages": 1}]
        }
    )


class CategoryResponse(AnswerModel):
    """
    A category, and how many products are in it.
    """

    name: str
    count: int


class CategoriesResponse(AnswerModel):
    """
    Every category.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"name": "electronics", "count": 10}]}]}
    )

    items: list[CategoryResponse]


def ids_of(given: str) -> list[str]:
    """
    The ids of a comma-separated list, each once; raises InvalidRequest.
    """
    ids = list(dict.fromkeys(given.split(",")))
    if len(ids) > MAX_IDS:
        raise _wrong_ids(f"must be at most {MAX_IDS} ids")
    if not all(map(_IS_ID, ids)):
        raise _wrong_ids(_IDS)
    return ids


def _wrong_ids(problem: str) -> InvalidRequest:
    return InvalidRequest(problems=[Problem("query.ids", problem)])

"""
Products, and the words by which they are found.
"""

import unicodedata
from dataclasses import dataclass
from itertools import filterfalse
from typing import Literal

MAX_IDS = 200
_NAME_KEY_LENGTH = 200

Sort = Literal["id", "-id", "name", "-name", "available", "-available", "updatedAt", "-updatedAt"]


@dataclass(frozen=True, slots=True)
class NewProduct:
    """
    A product to be. Without a SKU its id is the SKU, without a picture one is drawn.
    """

    id: str
    name: str
    category: str
    description: str = ""
    sku: str | None = None
    image_url: str | None = None
    stock_level: int = 0


@dataclass(frozen=True, slots=True)
class ProductChange:
    """
    What is changed of a product; None leaves it as it is.
    """

    name: str | None = None
    category: str | None = None
    description: str | None = None
    sku: str | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """
    A product's words.
    """

    id: str
    sku: str
    name: str
    category: str
    description: str
    image_url: str

    @classmethod
    def of(cls, new: NewProduct) -> "Description":
        """
        With what ``new`` leaves to us.
        """
        return cls(
            id=new.id,
            sku=new.sku or new.id,
            name=new.name,
            category=new.category,
            description=new.description,
            image_url=new.image_url or picture_url(new.id),
        )

    @property
    def name_key(self) -> str:
        """
        What products are sorted by when they are sorted by name: ``Ärmel`` stands with ``Arm``.
        """
        letters = unicodedata.normalize("NFKD", folded(self.name))
        return "".join(filterfalse(unicodedata.combining, letters))[:_NAME_KEY_LENGTH]

    @property
    def search_key(self) -> str:
        """
        What is searched in.
        """
        return folded(f"{self.name}\n{self.sku}\n{self.description}")


@dataclass(frozen=True, slots=True)
class Search:
    """
    Which products are listed, and in which order; equal ones by id.
    """

    category: str | None = None
    q: str | None = None
    is_in_stock: bool = False
    sort: Sort = "id"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """
    A stock level that was counted anew: ``change`` units more or less.
    """

    id: str
    change: int
    reason: str


def folded(text: str) -> str:
    """
    The form in which texts are compared: without regard to case, in every script.
    """
    folded_once = unicodedata.normalize("NFKC", text).casefold()
    # Folding can undo the normal form, and the other way round; see Unicode, section 3.13 (D147).
    return unicodedata.normalize("NFKC", folded_once).casefold()


def picture_url(product_id: str) -> str:
    """
    Where this service draws a picture of the product.
    """
    return f"/pictures/{product_id}.svg"

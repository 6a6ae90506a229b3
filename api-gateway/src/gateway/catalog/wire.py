"""
The catalog as the JSON that is sent: straight to bytes, since reading it is most of what is asked.

A test holds what is written here to the models in ``schemas``, which the documentation shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import json
from pydantic import JsonValue

from gateway.catalog.models import Categories, Checked, Lack, PageView, View

_encode: Final = json.Encoder().encode
_COMPLETE: Final = '"complete":true,"unavailable":[]}'
#: Of these, inventory tells; a product's id is known without it.
_TOLD_BY_INVENTORY: Final = (
    "sku",
    "name",
    "description",
    "category",
    "imageUrl",
    "stockLevel",
    "reserved",
    "available",
    "updatedAt",
)
_NO_PRODUCT: Final[Mapping[str, None]] = dict.fromkeys(_TOLD_BY_INVENTORY)


def product_json(view: View) -> bytes:
    """
    One product: what is missing of it is null, and named in ``unavailable``.
    """
    product, price = view.product, view.price
    if view.lacks or product is None or price is None:
        return _incomplete(view)
    # Amount and currency were held to their patterns when they were read: nothing to escape.
    told = f',"price":"{price.base_price}","currency":"{price.currency}",{_COMPLETE}'
    return _encode(product)[:-1] + told.encode()


def page_json(page: PageView) -> bytes:
    """
    One page of products; ``complete`` tells of the list and of all that is in it.
    """
    place = {"page": page.page, "size": page.size, "total": page.total, "pages": page.pages}
    completeness = {"complete": page.is_complete, "unavailable": _lacks(page.lacks)}
    return _list(map(product_json, page.items), place | completeness)


def checked_json(lines: Sequence[Checked]) -> bytes:
    """
    The answer to a bulk check.
    """
    return _list(map(_line, lines), {"complete": not any(line.lacks for line in lines)})


def categories_json(categories: Categories) -> bytes:
    """
    Every category.
    """
    items = (_encode({"name": name, "count": count}) for name, count in categories.items)
    lacks = categories.lacks
    return _list(items, {"complete": not lacks, "unavailable": _lacks(lacks)})


def explained_json(body: bytes, explain: Mapping[str, JsonValue]) -> bytes:
    """
    An answer with what an operator asked for besides.
    """
    return _joined(body, _encode({"explain": explain}))


def _incomplete(view: View) -> bytes:
    known = {"id": view.id, **_NO_PRODUCT} if view.product is None else view.product
    price = view.price
    told = {
        "price": None if price is None else price.base_price,
        "currency": None if price is None else price.currency,
        "complete": False,
        "unavailable": _lacks(view.lacks),
    }
    return _joined(_encode(known), _encode(told))


def _line(line: Checked) -> bytes:
    """
    A line has a reason unless it is found: of one that failed, that of inventory.
    """
    reason = line.failed_for[0].reason if line.failed_for else None
    told = {
        "productId": line.product_id,
        "status": line.status,
        "reason": "NOT_FOUND" if line.status == "missing" else reason,
        "unavailable": _lacks(line.failed_for),
    }
    product = b"null" if line.view is None else product_json(line.view)
    return _joined(_encode(told), b'{"product":%b}' % product)


def _lacks(lacks: Sequence[Lack]) -> list[dict[str, object]]:
    return [
        {
            "part": lack.part,
            "reason": lack.reason,
            "stale": lack.is_stale,
            "ageSeconds": None if lack.age_s is None else int(lack.age_s),
        }
        for lack in lacks
    ]


def _list(items: Iterable[bytes], told: Mapping[str, object]) -> bytes:
    return _joined(b'{"items":[%b]}' % b",".join(items), _encode(told))


def _joined(one: bytes, other: bytes) -> bytes:
    """
    Two objects of JSON as one; neither is empty.
    """
    return one[:-1] + b"," + other[1:]

"""
The rules that make one answer of both parts, and the one place where they stand.

===========  =====================  ==================================================
inventory    pricing                answer
===========  =====================  ==================================================
value        value                  complete
none         anything               there is no such product: 404
value        none                   incomplete: no price, ``NOT_FOUND``, never an old one
value        unavailable            incomplete: the last known price, or none
unavailable  value                  incomplete: inventory's last known fields, or none
unavailable  unavailable or none    incomplete if anything is known from before; else 503,
                                    or 504 where time is all that was lacking
===========  =====================  ==================================================
"""

from collections.abc import Mapping

from gateway.catalog.errors import NothingKnown
from gateway.catalog.models import Checked, Lack, Part, Unavailable, View
from gateway.upstreams.models import Price, Product
from servicekit.errors import DeadlineExceeded, NotFound, StorefrontError

ProductFound = Product | Unavailable[Product] | None
PriceFound = Price | Unavailable[Price] | None


def view_of(product_id: str, product: ProductFound, price: PriceFound) -> View:
    """
    One answer of both parts; raises NotFound, NothingKnown or DeadlineExceeded.
    """
    if isinstance(product, Product) and isinstance(price, Price):
        return View(product_id, product, price)
    if product is None:
        raise NotFound("product", product_id)
    view = View(
        product_id,
        product.value if isinstance(product, Unavailable) else product,
        price.value if isinstance(price, Unavailable) else price,
        both_lacks(product, price),
    )
    if view.product is None and view.price is None:
        raise nothing_known("the product", {"inventory": product, "pricing": price})
    return view


def checked(product_id: str, product: ProductFound, price: PriceFound) -> Checked:
    """
    The same for one line of many: none of them spoils another.
    """
    try:
        return Checked(product_id, "found", view_of(product_id, product, price))
    except NotFound:
        return Checked(product_id, "missing")
    except (NothingKnown, DeadlineExceeded):
        return Checked(product_id, "failed", failed_for=both_lacks(product, price))


def lack_of(part: Part, found: object) -> Lack | None:
    """
    How what was found of ``part`` shows in an answer: None where it was read now.
    """
    if found is None:
        return Lack(part, "NOT_FOUND")
    if isinstance(found, Unavailable):
        return Lack(part, found.reason, None if found.last is None else found.last.age_s)
    return None


def nothing_known(what: str, parts: Mapping[Part, object]) -> StorefrontError:
    """
    The error in place of an answer that would be empty; ``parts`` are none or unavailable.
    """
    lacking = [found for found in parts.values() if isinstance(found, Unavailable)]
    if all(found.reason == "DEADLINE_EXCEEDED" for found in lacking):
        return DeadlineExceeded(after_s=max(found.waited_s for found in lacking))
    lacks = [lack for part, found in parts.items() if (lack := lack_of(part, found))]
    return NothingKnown(
        what,
        parts=[(lack.part, lack.reason) for lack in lacks],
        retry_after_s=max(found.retry_after_s for found in lacking),
    )


def both_lacks(product: ProductFound, price: PriceFound) -> tuple[Lack, ...]:
    """
    What of both parts was not read now.
    """
    both = (lack_of("inventory", product), lack_of("pricing", price))
    return tuple(lack for lack in both if lack is not None)

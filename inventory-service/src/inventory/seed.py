"""
``python -m inventory seed``: the products that the demo begins with.

It can be run again at any time: what is there, or was removed, stays as it has become.
"""

import structlog

from inventory.demo_products import DEMO_PRODUCTS, DemoProduct
from inventory.errors import Taken
from inventory.origin import Origin
from inventory.products.models import NewProduct
from inventory.products.service import ProductService

log = structlog.get_logger()


async def seed(products: ProductService) -> None:
    """
    Make the products that are not there yet.
    """
    made = [await _made(products, product) for product in DEMO_PRODUCTS]
    log.info("seed.products_ready", made=sum(made), present=len(made) - sum(made))


async def _made(products: ProductService, product: DemoProduct) -> bool:
    new = NewProduct(
        id=product.id,
        name=product.name,
        description=product.description,
        category=product.category,
        stock_level=product.stock,
    )
    try:
        await products.create(new, Origin("seed"))
    except Taken:
        return False
    return True

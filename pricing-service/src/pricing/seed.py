"""
``python -m pricing seed``: the prices and codes that the demo starts with.

It can be run again at any time: it adds what is not there, and leaves alone what is, however it
has been changed since. A product that has ever had a price in a currency gets none in that.
"""

import structlog

from pricing.demo_prices import demo_discounts, demo_prices
from pricing.wiring import Services
from servicekit.clock import Now, utc_now

log = structlog.get_logger()


async def seed(services: Services, *, now: Now = utc_now) -> None:
    """
    Make what is missing.
    """
    begins = now()
    prices = await services.prices.set_missing(demo_prices(begins), by="seed")
    codes = await services.discounts.save_missing(demo_discounts(begins))
    log.info("seed.done", prices=prices, codes=codes)

"""
The dashboards, a module each. Adding one is adding a module and its name here.
"""

from typing import Final

from tools.observability.boards import identity, orders, runtime, storefront, upstreams
from tools.observability.tables import Dashboard

ALL: Final[tuple[Dashboard, ...]] = (
    storefront.DASHBOARD,
    orders.DASHBOARD,
    upstreams.DASHBOARD,
    identity.DASHBOARD,
    runtime.DASHBOARD,
)

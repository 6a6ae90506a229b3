"""
What the inventory service can be told, on top of what every service can.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from servicekit.settings import ServiceName, ServicePort, ServiceSettings


class Settings(ServiceSettings):
    """
    The inventory service's settings.
    """

    service_name: ServiceName = "inventory-service"
    service_port: ServicePort = 8001

    reservation_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=604_800,
            description="How long reserved units wait for their order's commit; seconds",
        ),
    ] = 900
    sweep_interval_seconds: Annotated[
        float,
        Field(ge=0.1, le=3_600, description="How often expired reservations are looked for; s"),
    ] = 5.0
    sweep_batch: Annotated[
        int, Field(ge=1, le=10_000, description="Reservations that one transaction expires at most")
    ] = 100
    low_stock_threshold: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="Products with this many available units or fewer are low; units",
        ),
    ] = 5

    @property
    def reservation_life(self) -> timedelta:
        """
        How long reserved units wait.
        """
        return timedelta(seconds=self.reservation_seconds)

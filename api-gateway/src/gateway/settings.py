"""
What the gateway can be told, on top of what every service can.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from servicekit.durable import DurableSettings
from servicekit.http import Policy
from servicekit.http.policy import DEFAULT_POLICY
from servicekit.settings import (
    HttpUrl,
    ServiceClientSettings,
    ServiceName,
    ServicePort,
    TraceparentFrom,
)

#: The part of a read's time that one attempt may take: two of them and the pause between fit in,
#: so that a backend's one slow or lost answer is asked for again and the read still served.
ATTEMPT_SHARE: Final = 0.4
#: The same of the time in which an order must have its stock and its price.
ORDERING_SHARE: Final = 0.2
#: Searches and pictures cost inventory a call each, and anybody can think of any number of them. So
#: few are on the wire at once, and when this many wait besides, the next is told at once (503).
MAX_SINGLE_CALLS: Final = 16
MAX_SINGLE_WAITING: Final = 64


class Settings(ServiceClientSettings, DurableSettings):
    """
    The gateway's settings.
    """

    service_name: ServiceName = "api-gateway"
    service_port: ServicePort = 8000
    traceparent_from: TraceparentFrom = "strangers"

    api_v1_prefix: Annotated[
        str,
        Field(
            pattern=r"^(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+$",
            description="Where the API stands below the address",
        ),
    ] = "/api/v1"
    request_timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=300,
            description="What a request is given unless its caller asks for less "
            "(X-Request-Deadline-Ms); s",
        ),
    ] = 2.0

    max_body_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=2**30,
            description="The largest body that is read: four times the largest order; bytes",
        ),
    ] = 65_536

    inventory_service_url: Annotated[
        HttpUrl, Field(description="Where products and their stock come from")
    ] = "http://127.0.0.1:8001"
    pricing_service_url: Annotated[HttpUrl, Field(description="Where prices come from")] = (
        "http://127.0.0.1:8002"
    )
    service_timeout: Annotated[
        float,
        Field(
            gt=0,
            le=300,
            description="What a call to a backend may take in all, retries and waits included, "
            "where its request has that long; s",
        ),
    ] = 30.0
    circuit_breaker_threshold: Annotated[
        int,
        Field(ge=1, le=1_000, description="Failures in a row after which a backend is left alone"),
    ] = 5
    circuit_breaker_timeout: Annotated[
        float, Field(gt=0, le=3_600, description="How long it is then left alone; s")
    ] = 60.0

    stale_if_error_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How old a last-known value may be that stands in for a backend that "
            "does not answer; 0: none does; s",
        ),
    ] = 300.0
    last_known_products: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Products, and as many prices, whose last-known values are kept",
        ),
    ] = 20_000

    takes_orders: Annotated[
        bool,
        Field(
            description="Whether orders are taken and carried through here; a replica that does not "
            "serves reads, and may start without the engine"
        ),
    ] = True
    order_wait_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=300,
            description="How long a caller waits for its order before it is told where to ask "
            "(202), unless it asks for less; s",
        ),
    ] = 10.0
    order_deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="When an order whose stock is not committed yet is given up and undone; s",
        ),
    ] = 8.0
    idempotency_keep_hours: Annotated[
        float, Field(ge=24, le=8_760, description="How long an Idempotency-Key is remembered; h")
    ] = 24.0
    unsold_orders_keep_days: Annotated[
        float,
        Field(
            ge=1,
            le=3_660,
            description="How long an order is kept that was rejected or has failed; never shorter "
            "than its Idempotency-Key; days",
        ),
    ] = 30.0
    max_running_orders: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            description="Orders that one replica carries through at a time; the next is told "
            "to come back (503)",
        ),
    ] = 1_000

    @property
    def keep_keys(self) -> timedelta:
        """
        How long a key stands for its order.
        """
        return timedelta(hours=self.idempotency_keep_hours)

    @property
    def keep_unsold(self) -> timedelta:
        """
        How long an order is kept of which nothing came: what a key stands for must be there.
        """
        return max(timedelta(days=self.unsold_orders_keep_days), self.keep_keys)

    @property
    def policy(self) -> Policy:
        """
        The bounds of the calls to a backend.
        """
        return Policy(
            total_timeout_s=self.service_timeout,
            attempt_timeout_s=min(self.service_timeout, DEFAULT_POLICY.attempt_timeout_s),
            breaker_threshold=self.circuit_breaker_threshold,
            breaker_open_for_s=self.circuit_breaker_timeout,
        )

    @property
    def reading_policy(self) -> Policy:
        """
        The same for calls by which products and prices are read: an attempt leaves time for another.
        """
        attempt_s = min(self.service_timeout, ATTEMPT_SHARE * self.request_timeout_seconds)
        return replace(self.policy, attempt_timeout_s=attempt_s)

    @property
    def ordering_policy(self) -> Policy:
        """
        The same for the calls of orders: an answer that is lost leaves time to ask again, and a backend
        that is back is found while there is still time, too.
        """
        share_s = ORDERING_SHARE * self.order_deadline_seconds
        return replace(
            self.policy,
            attempt_timeout_s=min(self.service_timeout, share_s),
            breaker_open_for_s=min(self.circuit_breaker_timeout, share_s),
        )

    @property
    def single_policy(self) -> Policy:
        """
        The same for what cannot be asked for in batches: a crowd there keeps nobody from a product.
        """
        return replace(
            self.reading_policy, max_in_flight=MAX_SINGLE_CALLS, max_waiting=MAX_SINGLE_WAITING
        )

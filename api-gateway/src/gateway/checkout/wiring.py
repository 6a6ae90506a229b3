"""
Puts the checkout together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.checkout.acceptance import Acceptance, Terms
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.sagas import checkout_sagas
from gateway.checkout.service import Checkout
from gateway.checkout.sweep import Sweep
from gateway.checkout.upkeep import Upkeep
from gateway.checkout.works import Works
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit.clock import Now, utc_now
from servicekit.database import Database, Together
from servicekit.database.metrics import GroupMetrics, PoolMetrics
from servicekit.sagas import Saga
from servicekit.telemetry import Telemetry

__all__ = ["Parts", "Terms", "build_checkout"]

W = TypeVar("W", bound=Works)


@dataclass(frozen=True, slots=True)
class Parts(Generic[W]):
    """
    The checkout, what carries its sagas through, and what runs beside it. Each of the last two has a
    ``running``, to be entered in this order after the database.
    """

    checkout: Checkout
    engine: W
    upkeep: Upkeep


def build_checkout(
    database: Database,
    stock: Stock,
    quotes: Quotes,
    terms: Terms,
    *,
    telemetry: Telemetry,
    engine_for: Callable[[tuple[Saga, ...]], W],
    now: Now = utc_now,
) -> Parts[W]:
    """
    The parts, put together; nothing runs yet.
    """
    PoolMetrics(telemetry.registry, database)
    metrics = CheckoutMetrics(telemetry, max_running=terms.max_running)
    groups = GroupMetrics(telemetry.registry)
    together = Together(database, watch=groups, spans=telemetry.spans)
    chronicle = Chronicle(database, together, metrics, now=now)
    engine = engine_for(checkout_sagas(stock, quotes, chronicle))
    acceptance = Acceptance(
        database, together, engine, chronicle=chronicle, metrics=metrics, terms=terms, now=now
    )
    checkout = Checkout(database, engine, acceptance, chronicle=chronicle, metrics=metrics, now=now)
    sweep = Sweep(
        database,
        acceptance,
        engine,
        chronicle=chronicle,
        metrics=metrics,
        terms=terms,
        now=now,
    )
    upkeep = Upkeep(
        database,
        acceptance,
        engine,
        sweep,
        chronicle=chronicle,
        metrics=metrics,
        runs=telemetry.task_runs,
        terms=terms,
        now=now,
    )
    return Parts(checkout, engine, upkeep)

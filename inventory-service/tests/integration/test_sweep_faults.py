"""
What a sweep makes of faults: those of an order, of all that it needs, and of whoever is told.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import pytest
import structlog
from inventory_app import RESERVATION_S, settings_for
from structlog.typing import EventDict

from inventory.events import StockEvents
from inventory.ledger.models import Kind
from inventory.origin import Origin
from inventory.products.models import NewProduct
from inventory.stock.models import Wanted
from inventory.stock.sweeper import Sweeper
from inventory.wiring import Services, build_services
from servicekit.errors import ServiceUnavailable
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock

GATEWAY = Origin("service:api-gateway")


class Failing:
    """
    A clock that fails as it is told, look by look, and then goes.
    """

    def __init__(self, clock: FakeClock, *faults: Exception | None) -> None:
        self._clock = clock
        self._faults = list(faults)

    def now(self) -> datetime:
        """
        The time of day, or the next fault.
        """
        if self._faults and (fault := self._faults.pop(0)) is not None:
            raise fault
        return self._clock.now()


class Speechless(StockEvents):
    """
    Cannot tell what has moved.
    """

    def moved(self, kind: Kind, count: int, *, order_id: str | None = None) -> None:
        """
        Not told.
        """
        raise ZeroDivisionError(kind, count, order_id)


@pytest.fixture
async def services(migrated_url: str, clock: FakeClock) -> AsyncIterator[Services]:
    """
    An inventory with an order whose reservation has expired.
    """
    services = build_services(settings_for(migrated_url), now=clock.now)
    await services.products.create(NewProduct("lamp", "Lamp", "home", stock_level=5), GATEWAY)
    await services.stock.reserve("o-1", Wanted("lamp", 1), GATEWAY)
    clock.advance(RESERVATION_S)
    yield services
    await services.database.aclose()


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """
    What is logged.
    """
    with structlog.testing.capture_logs() as captured:
        yield captured


def sweeper(services: Services, clock: Failing, events: StockEvents | None = None) -> Sweeper:
    """
    A sweep of that inventory by that clock.
    """
    events = events or StockEvents(Telemetry())
    return Sweeper(services.database, events, batch=10, now=clock.now)


async def test_a_batch_that_fails_is_swept_order_by_order(
    services: Services, clock: FakeClock, logs: list[EventDict]
) -> None:
    """
    A fault of ours in the whole batch is told of, and each order is tried by itself.
    """
    failing = Failing(clock, ZeroDivisionError())

    assert await sweeper(services, failing).sweep() == 1

    assert [line["event"] for line in logs] == ["stock.sweep_taken_apart", "stock.moved"]


@pytest.mark.parametrize("before", [[], [ZeroDivisionError(), None]], ids=["batch", "order"])
async def test_a_sweep_without_a_database_ends(
    services: Services, clock: FakeClock, logs: list[EventDict], before: list[Exception | None]
) -> None:
    """
    What fails for all orders alike is no fault of one: neither a batch nor an order is told of, and the
    sweep says what it is.
    """
    failing = Failing(clock, *before, ServiceUnavailable("the database"))

    with pytest.raises(ServiceUnavailable):
        await sweeper(services, failing).sweep()

    assert [line["event"] for line in logs] == ["stock.sweep_taken_apart"] * bool(before)


@pytest.mark.parametrize("before", [[], [ZeroDivisionError()]], ids=["batch", "order"])
async def test_what_was_swept_and_cannot_be_told_has_not_failed(
    services: Services, clock: FakeClock, logs: list[EventDict], before: list[Exception | None]
) -> None:
    """
    A fault in telling is no fault of the sweep: nobody is told that stock was not given back which was.
    """
    telemetry = Telemetry()
    failing = Failing(clock, *before)

    with pytest.raises(ZeroDivisionError):
        await sweeper(services, failing, Speechless(telemetry)).sweep()

    assert [line["event"] for line in logs] == ["stock.sweep_taken_apart"] * bool(before)
    assert telemetry.registry.get_sample_value("stock_sweep_failures_total") == 0
    assert (await services.products.get("lamp"))["reserved"] == 0

"""
Orders that were accepted and cannot be looked at afterwards.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fresh_database import fresh_database

from gateway.checkout.acceptance import Acceptance, Terms
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import Status, Wanted
from gateway.checkout.service import Checkout
from gateway.upstreams.models import Item
from servicekit.auth import anonymous
from servicekit.clock import utc_now
from servicekit.database import Database, Together
from servicekit.sagas import JsonObject, Standing
from servicekit.telemetry import Telemetry


class Idle:
    """
    Takes on whatever comes, and never gets to it.
    """

    running_count = 0

    def require_running(self) -> None:
        """
        As if it ran.
        """

    def begin(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Not yet.
        """

    def carries(self, saga: str, work_id: str) -> bool:  # noqa: ARG002  # as Works has it
        """
        All that there is.
        """
        return True

    async def start(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Not yet either.
        """

    async def standings(self, saga: str, work_ids: Sequence[str]) -> Mapping[str, Standing]:  # noqa: ARG002  # as above
        """
        All of them are on their way.
        """
        return dict.fromkeys(work_ids, Standing.GOING)

    async def begin_again(self, saga: str, work_id: str) -> bool:  # noqa: ARG002  # as above
        """
        Never.
        """
        return False

    async def nudge(self, work_id: str) -> None:
        """
        In vain.
        """


async def test_whoever_waits_for_an_accepted_order_hears_its_number_while_it_cannot_be_read() -> (
    None
):
    """
    It is told as it is known, for it goes on: on a 503 a shopper without a key would order again.
    """
    url = fresh_database()
    database, away = Database(url), Database(url)
    await away.aclose()
    together, metrics, works = (
        Together(database),
        CheckoutMetrics(Telemetry(), max_running=1),
        Idle(),
    )
    chronicle = Chronicle(database, together, metrics, now=utc_now)
    terms = Terms(
        deadline=timedelta(seconds=10),
        attention_after=timedelta(seconds=60),
        max_running=5,
        keep_keys=timedelta(hours=24),
        keep_refused=timedelta(days=30),
    )
    acceptance = Acceptance(
        database, together, works, chronicle=chronicle, metrics=metrics, terms=terms, now=utc_now
    )
    checkout = Checkout(away, works, acceptance, chronicle=chronicle, metrics=metrics, now=utc_now)
    wanted = Wanted((Item("A-1", 1),), (), None)

    told = await checkout.place(
        anonymous(["write"]), wanted, key=None, correlation_id="c-1", wait_s=0.2
    )

    assert (told.order.status, told.is_replayed) == (Status.PENDING, False)
    assert chronicle.is_here(told.order.id)
    await database.aclose()

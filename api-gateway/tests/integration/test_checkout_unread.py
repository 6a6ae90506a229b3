"""
Orders that were accepted and cannot be looked at afterwards.
"""

from fresh_database import fresh_database
from scripted_works import ScriptedWorks
from swept_orders import TERMS

from gateway.checkout.acceptance import Acceptance
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import Status, Wanted
from gateway.checkout.service import Checkout
from gateway.upstreams.models import Item
from servicekit.auth import anonymous
from servicekit.clock import utc_now
from servicekit.database import Database, Together
from servicekit.telemetry import Telemetry


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
        ScriptedWorks(),
    )
    chronicle = Chronicle(database, together, metrics, now=utc_now)
    acceptance = Acceptance(
        database, together, works, chronicle=chronicle, metrics=metrics, terms=TERMS, now=utc_now
    )
    checkout = Checkout(away, works, acceptance, chronicle=chronicle, metrics=metrics, now=utc_now)
    wanted = Wanted((Item("A-1", 1),), (), None)

    told = await checkout.place(
        anonymous(["write"]), wanted, key=None, correlation_id="c-1", wait_s=0.2
    )

    assert (told.order.status, told.is_replayed) == (Status.PENDING, False)
    assert chronicle.is_here(told.order.id)
    await database.aclose()

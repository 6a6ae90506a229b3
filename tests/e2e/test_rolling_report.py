"""
How a rolling restart is judged: ``make rolling`` can fail.
"""

from tools.rolling.load import Order, Tally, discrepancies
from tools.rolling.report import is_good, lines


def shopped(*orders: Order) -> Tally:
    """
    What came of one read and these orders, none of which failed.
    """
    tally = Tally(orders=list(orders))
    tally.note("read", 0.01, None)
    for _ in orders:
        tally.note("order", 0.2, None)
    return tally


def bought(product: str = "P-1", status: str | None = "CONFIRMED") -> Order:
    """
    An order that was placed.
    """
    return Order(key="k", product=product, order_id="o", status=status)


def test_a_run_without_a_failure_is_good() -> None:
    """
    Every request was answered, every order has ended, and the shelves show it.
    """
    tally = shopped(bought(), bought(status="CANCELLED"))

    wrong = discrepancies(tally, {"P-1": (9, 0)}, {"P-1": (8, 0)})

    assert is_good(tally, wrong)
    assert "0 failed" in next(lines(tally, wrong, seconds=1))


def test_one_failure_is_enough() -> None:
    """
    A single request that failed makes the run fail, and is shown.
    """
    tally = shopped(bought())
    tally.note("read", 0.3, "503")

    assert not is_good(tally, [])
    assert any("read: 503" in line for line in lines(tally, [], seconds=1))


def test_an_order_without_an_end_is_lost() -> None:
    """
    An order that was accepted and has not ended makes the run fail.
    """
    tally = shopped(bought(), bought(status="PENDING"))

    assert len(tally.lost) == 1
    assert not is_good(tally, [])


def test_shelves_tell_what_was_sold_twice_and_what_is_held_for_nobody() -> None:
    """
    What shoppers were told and what is left must add up, for each product.
    """
    tally = shopped(bought())

    wrong = discrepancies(tally, {"P-1": (9, 0), "P-2": (5, 1)}, {"P-1": (7, 0), "P-2": (5, 2)})

    assert wrong == ["P-1: 2 sold, 1 told", "P-2: 1 reserved for nobody"]
    assert not is_good(tally, wrong)


def test_a_run_that_bought_nothing_says_nothing() -> None:
    """
    Where no order was confirmed the run is no proof, and fails.
    """
    assert not is_good(shopped(), [])

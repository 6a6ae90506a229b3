"""
``make smoke``: a shop that is as it should be is green, and whatever is wrong is red and named.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from servicekit.testing.polling import unused_port
from tests.e2e.standin_gateway import ORDER, PRODUCT, Fault, Reply, StandinGateway
from tools.smoke.__main__ import main
from tools.smoke.journey import STATIONS, Trip, order
from tools.smoke.outages import Loop, table
from tools.smoke.shop import NotSent, Shop

NOT_THERE = Reply(503, {"error": {"code": "SERVICE_UNAVAILABLE", "message": "Later."}})
#: What is answered where, and what the journey says of it.
WRONG: tuple[tuple[str, Fault, str, str], ...] = (
    ("list", lambda _: NOT_THERE, "browse", "503 instead of 200: SERVICE_UNAVAILABLE, Later."),
    ("list", lambda it: replace(it, body="<html>"), "browse", "a body that is no JSON"),
    ("list", lambda it: it.lacking("items"), "browse", "items is missing"),
    ("list", lambda it: it.saying(items=[]), "browse", "the list is empty"),
    ("list", lambda it: it.saying(items=[{**PRODUCT, "available": 1}]), "browse", "2 are left"),
    (
        "list",
        lambda it: it.saying(items=[{**PRODUCT, "price": None}]),
        "browse",
        "price is no text",
    ),
    ("list", lambda it: it.saying(items=[{**PRODUCT, "complete": False}]), "browse", "complete is"),
    ("product", lambda it: replace(it, status=404), "look", "404 instead of 200"),
    ("product", lambda it: it.saying(id="TEST-002"), "look", 'id is "TEST-002"'),
    ("product", lambda it: it.saying(price="80.00"), "look", "80.00, and 79.95 in the list"),
    (
        "product",
        lambda it: it.saying(unavailable=[{"part": "pricing", "reason": "CIRCUIT_OPEN"}]),
        "look",
        "TEST-001 lacks pricing (CIRCUIT_OPEN)",
    ),
    ("order", lambda it: replace(it, status=202), "order with SUMMER20", "202 instead of 201"),
    ("order", lambda it: it.saying(status="PENDING"), "order with SUMMER20", 'status is "PENDING"'),
    ("order", lambda it: it.saying(discount="0.00"), "order with SUMMER20", "discount is 0.00"),
    ("order", lambda it: it.saying(totalPrice="1.00"), "order with SUMMER20", "totalPrice is 1.00"),
    ("order", lambda it: it.saying(subtotal="9.00"), "order with SUMMER20", "subtotal is 9.00"),
    ("order", lambda it: it.saying(items=[]), "order with SUMMER20", "0 lines instead of 1"),
    ("order", lambda it: replace(it, status=0), "order with SUMMER20", "no answer"),
    ("again", lambda it: it.saying(orderId="1" * 32), "send the same", "orderId is"),
    ("again", lambda it: it.saying(createdAt="now"), "send the same", "another than the first"),
    ("again", lambda it: replace(it, headers={}), "send the same", "Idempotency-Replayed"),
    ("cancel", lambda it: replace(it, status=409), "cancel", "409 instead of 200"),
    ("cancelled", lambda it: it.saying(status="CONFIRMED"), "cancel", 'status is "CONFIRMED"'),
    ("too-many", lambda _: Reply(201, ORDER), "order too many", "201 instead of 409"),
    (
        "too-many",
        lambda it: it.saying(error={"code": "CONFLICT"}),
        "order too many",
        'code is "CONFLICT"',
    ),
    ("too-many", lambda it: it.saying(request_id="c-2"), "order too many", "request_id is"),
    ("wrong-code", lambda _: Reply(201, ORDER), "order with a wrong", "201 instead of 422"),
    ("wrong-code", lambda it: it.lacking("error"), "order with a wrong", "error is missing"),
)


@pytest.fixture
def gateway() -> StandinGateway:
    """
    A gateway that is as it should be, until a test gives it a fault.
    """
    return StandinGateway()


@pytest.fixture
def url(gateway: StandinGateway) -> Iterator[str]:
    """
    Where it answers.
    """
    with gateway.served() as address:
        yield address


def test_a_shop_that_is_right_is_green(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Every station is visited and told in a line with what was asked and what came.
    """
    code = main(["--url", url])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.startswith("ok ") for line in lines[1:-1]] == [True] * len(STATIONS)
    assert "POST /api/v1/orders 201" in lines[3]
    assert "for 127.92 USD" in lines[3]


@pytest.mark.parametrize(("at", "fault", "station", "told"), WRONG)
def test_what_is_wrong_is_red_and_named(
    gateway: StandinGateway,
    url: str,
    capsys: pytest.CaptureFixture[str],
    *,
    at: str,
    fault: Fault,
    station: str,
    told: str,
) -> None:
    """
    The first thing that is wrong ends the journey with exit code 1, and its station and what came are told.
    """
    gateway.faults[at] = fault

    code = main(["--url", url])

    last = capsys.readouterr().out.splitlines()[-1]
    assert code == 1
    assert last.startswith(f"WRONG  {station}")
    assert told in last


def test_nobody_there_is_red(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nobody listens, the shop is not as it should be.
    """
    code = main(["--url", f"http://127.0.0.1:{unused_port()}"])

    assert code == 1
    assert "no answer" in capsys.readouterr().out


def test_a_user_signs_in_first(gateway: StandinGateway, url: str, tmp_path: Path) -> None:
    """
    With a user and the file of its password every request is that user's, and the password goes nowhere else.
    """
    (tmp_path / "password").write_text("of mine\n")

    code = main(["--url", url, "--user", "shopper", "--password-file", str(tmp_path / "password")])

    signing_in, *others = gateway.requests
    assert code == 0
    assert signing_in.body == "grant_type=password&username=shopper&password=of+mine"
    assert {request.headers["authorization"] for request in others} == {"Bearer t-1"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--url", "127.0.0.1:8000"], "is no address"),
        (["--user", "shopper"], "needs --password-file"),
        (["--user", "shopper", "--password-file", "/not/there"], "No such file"),
    ],
)
def test_what_cannot_be_tried_is_said(
    url: str, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """
    An address that is none and a password that cannot be had are exit code 2 with one line.
    """
    code = main(["--url", url, *arguments])

    assert code == 2
    assert told in capsys.readouterr().err


def test_a_password_that_is_refused_is_said(
    gateway: StandinGateway, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A sign-in that fails is exit code 2 and does not repeat the password.
    """
    gateway.faults["token"] = lambda it: replace(it, status=401)
    (tmp_path / "password").write_text("of mine")

    code = main(["--url", url, "--user", "shopper", "--password-file", str(tmp_path / "password")])

    told = capsys.readouterr().err
    assert code == 2
    assert "Signing in as shopper: 401" in told
    assert "of mine" not in told


def test_what_was_never_sent_needs_no_end() -> None:
    """
    An order that nobody was there to take is not looked for afterwards.
    """
    shop = Shop(f"http://127.0.0.1:{unused_port()}")
    trip = Trip(product_id="TEST-001")

    with pytest.raises(NotSent):
        order(shop, trip)

    assert not trip.is_open


class Hours:
    """
    A clock that moves when somebody waits, and what happens meanwhile.
    """

    def __init__(self, gateway: StandinGateway, faults: dict[float, dict[str, Fault]]) -> None:
        self._now = 0.0
        self._gateway = gateway
        self._faults = faults

    def now(self) -> float:
        """
        Seconds since the beginning.
        """
        return self._now

    def wait(self, seconds: float) -> bool:
        """
        Lets time pass, and the gateway change.
        """
        self._now += seconds
        if self._now in self._faults:
            self._gateway.faults = self._faults[self._now]
        return False

    def loop(self, url: str) -> Loop:
        """
        A loop that lives by this clock and goes shopping each second.
        """
        return Loop(Shop(url), pause_s=1.0, now=self.now, wait=self.wait)


def test_a_loop_tells_for_how_long_something_was_wrong(gateway: StandinGateway, url: str) -> None:
    """
    A station's spell lasts from its first wrong visit to its next right one; others are not blamed for it.
    """
    hours = Hours(gateway, {3.0: {"product": lambda _: NOT_THERE}, 7.0: {}})
    loop = hours.loop(url)

    told = list(loop.run(20))

    record = loop.records["look at one product"]
    assert (record.visits, record.wrong, record.longest_s) == (20, 4, 4.0)
    assert sum(record.wrong for record in loop.records.values()) == 4
    assert [line.strip()[:5] for line in told] == ["3.0 s", "7.0 s"]
    assert "20      4    4.0 s  4 x 503 instead of 200" in "\n".join(table(loop.records))
    assert loop.settle(10) == []


def test_a_loop_goes_on_with_a_known_product(gateway: StandinGateway, url: str) -> None:
    """
    While the list cannot be read, the other stations are visited all the same.
    """
    hours = Hours(gateway, {1.0: {"list": lambda _: NOT_THERE}})
    loop = hours.loop(url)

    list(loop.run(3))

    assert {name: record.visits for name, record in loop.records.items()} == {
        station.name: 3 for station in STATIONS
    }


def test_orders_whose_answer_was_lost_are_brought_to_an_end(
    gateway: StandinGateway, url: str
) -> None:
    """
    After a loop each order that got no answer is asked for by its key, and cancelled.
    """
    hours = Hours(gateway, {1.0: {"order": lambda it: replace(it, status=0)}, 3.0: {}})
    loop = hours.loop(url)
    list(loop.run(5))
    before = len(gateway.requests)

    unended = loop.settle(10)

    assert unended == []
    assert [request.path for request in gateway.requests[before:]].count("/api/v1/orders") == 2
    assert gateway.requests[-2].path.endswith("/cancel")


def test_orders_that_do_not_end_are_named(gateway: StandinGateway, url: str) -> None:
    """
    An order that is still on its way after the patience of the loop is told by its key.
    """
    hours = Hours(gateway, {})
    gateway.faults = dict.fromkeys(["order", "again"], lambda it: replace(it, status=202))
    loop = hours.loop(url)
    list(loop.run(1))

    unended = loop.settle(10)

    keys = [request.headers.get("idempotency-key") for request in gateway.requests]
    assert len(unended) == 1
    assert unended[0] in keys
    assert hours.now() >= 11


def test_a_loop_of_both_shoppers_ends_with_a_table(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    ``--loop`` reads and orders at the same time, and is green where nothing was wrong.
    """
    code = main(["--url", url, "--loop", "0.2", "--pause", "0.01"])

    out = capsys.readouterr().out
    assert code == 0
    assert "orders without an end: 0" in out
    assert all(station.name in out for station in STATIONS)


def test_a_loop_in_which_something_was_wrong_is_red(
    gateway: StandinGateway, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    ``--loop`` is exit code 1 where anything was wrong, and where there was nothing to begin with.
    """
    gateway.faults["too-many"] = lambda it: replace(it, status=500)
    codes = [main(["--url", url, "--loop", "0.1", "--pause", "0.01"])]
    gateway.faults["list"] = lambda _: NOT_THERE
    codes.append(main(["--url", url, "--loop", "0.1"]))

    assert codes == [1, 1]
    assert "before the first round: 503" in capsys.readouterr().out

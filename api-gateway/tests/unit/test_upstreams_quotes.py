"""
What orders ask of pricing, and what is made of whatever it answers.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest
import structlog.testing
from asking import ONCE
from fake_backends import Code, FakeBackends, Fault, Late, lost, price, telling
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.models import Item, Quote
from gateway.upstreams.quotes import Quotes
from servicekit.errors import OutcomeUnknown, UpstreamFailed, UpstreamRefused
from servicekit.http import Policy

ORDER = "order-1"
ITEMS = [Item("B-1", 1), Item("A-1", 3)]
CODES = ["TEN", "THIRD"]

Answer = dict[str, Any]
Change = Callable[[Answer], object]


class Shop:
    """
    Pricing with two prices and two codes, and what orders ask it by.
    """

    def __init__(self, policy: Policy = ONCE) -> None:
        codes = {"TEN": Code(10, use_limit=5), "THIRD": Code("33.3333")}
        backends = FakeBackends(
            prices={"A-1": price("A-1", "19.99"), "B-1": price("B-1", "0.05")}, codes=codes
        )
        self.pricing = backends.pricing
        self.pricing.quotes.tax_rate = "0.19"
        self.quotes = Quotes(backends.pricing_client(policy=policy))

    async def quote(
        self,
        fault: Fault | None = None,
        *,
        items: Sequence[Item] = ITEMS,
        codes: Sequence[str] = CODES,
        currency: str | None = None,
    ) -> Quote:
        """
        A quote, whose call may meet a fault.
        """
        self.pricing.on("quote").fail_next(fault)
        return await self.quotes.quote(ORDER, items, codes, currency)


async def test_a_quote_is_told_as_pricing_made_it() -> None:
    """
    Every amount is the text that pricing sent, and the lines are in the order asked for.
    """
    shop = Shop()

    quote = await shop.quote()

    told = shop.pricing.quotes.told[ORDER]
    sums = (quote.subtotal, quote.discount, quote.tax, quote.final_price)
    assert sums == ("60.02", "24.01", "6.85", "42.86")
    assert [(line.product_id, line.final_price) for line in quote.lines] == [
        ("B-1", "0.04"),
        ("A-1", "42.82"),
    ]
    assert [(one.code, one.amount) for one in quote.discounts] == [
        ("TEN", "6.01"),
        ("THIRD", "18.00"),
    ]
    assert quote.quote_id == told["quoteId"]


async def test_a_quote_says_what_is_wanted_and_for_which_order() -> None:
    """
    The body has the form of pricing's contract; a currency is named only where one is wanted.
    """
    shop = Shop()

    await shop.quotes.quote(ORDER, ITEMS, CODES)
    await shop.quotes.quote("order-2", ITEMS, currency="USD")

    items = [{"productId": "B-1", "quantity": 1}, {"productId": "A-1", "quantity": 3}]
    assert shop.pricing.on("quote").bodies == [
        {"orderId": ORDER, "items": items, "discountCodes": CODES},
        {"orderId": "order-2", "items": items, "discountCodes": [], "currency": "USD"},
    ]


async def test_codes_may_be_written_as_a_customer_does() -> None:
    """
    Pricing tells codes in capitals and without blanks; that is the same code.
    """
    shop = Shop()

    quote = await shop.quote(codes=[" ten ", "Third"])

    assert [one.code for one in quote.discounts] == CODES


async def test_the_same_quote_is_told_again_in_the_order_asked_for() -> None:
    """
    The second time, lines may come in another order than they are asked for.
    """
    shop = Shop()
    first = await shop.quote()

    again = await shop.quote(items=ITEMS[::-1])

    assert again.quote_id == first.quote_id
    assert [line.product_id for line in again.lines] == ["A-1", "B-1"]


async def test_an_order_that_is_released_gives_its_uses_back() -> None:
    """
    A release is one call under the order's key, also a second time and before any quote.
    """
    shop = Shop()
    await shop.quote()
    claimed = shop.pricing.quotes.claims("TEN")

    await shop.quotes.release(ORDER)
    await shop.quotes.release(ORDER)
    await shop.quotes.release("order-2")

    assert claimed == {ORDER}
    assert shop.pricing.quotes.claims("TEN") == set()
    assert shop.pricing.on("release").keys == {"order-1:release": 2, "order-2:release": 1}


async def test_a_quote_that_arrives_after_its_orders_release_claims_nothing() -> None:
    """
    The release leaves a mark, by which what comes late is refused.
    """
    shop = Shop()
    late = Late()
    with pytest.raises(OutcomeUnknown):
        await shop.quote(late)

    await shop.quotes.release(ORDER)
    (delivered,) = late.arrive()

    assert delivered.status_code == 409
    assert shop.pricing.quotes.claims("TEN") == set()


async def test_a_lost_answer_is_asked_for_again_by_itself() -> None:
    """
    The same key goes out twice, and one use of a code is claimed.
    """
    shop = Shop(Policy())

    quote = await shop.quote(lost())

    assert shop.pricing.on("quote").keys == {"order-1:quote": 2}
    assert quote.quote_id == shop.pricing.quotes.told[ORDER]["quoteId"]
    assert shop.pricing.quotes.claims("TEN") == {ORDER}


async def test_a_refusal_comes_with_its_code_and_facts() -> None:
    """
    Every code that cannot be used reaches whoever asked, with its reason.
    """
    shop = Shop()

    with pytest.raises(UpstreamRefused) as refusal:
        await shop.quote(codes=["TEN", "TYPO"])

    assert (refusal.value.upstream_status, refusal.value.upstream_code) == (422, "INVALID_DISCOUNT")
    assert refusal.value.facts == {"codes": [{"code": "TYPO", "reason": "UNKNOWN"}]}


def _line(answer: Answer, at: int = 1, /, **changed: object) -> Answer:
    line: Answer = answer["lines"][at]
    line |= changed
    return line


def _without(answer: Answer, name: str) -> None:
    del answer["lines"][1][name]


def _amounts_in(answer: Answer) -> Iterator[tuple[Answer, str]]:
    for part in (answer, *answer["lines"]):
        for name in ("subtotal", "discount", "tax", "finalPrice", "basePrice"):
            if name in part:
                yield part, name
        yield from ((one, "amount") for one in part["discounts"])


def _as_floats(answer: Answer) -> None:
    for part, name in _amounts_in(answer):
        part[name] = float(part[name])


def _take_nothing_off(answer: Answer) -> None:
    for part in (answer, *answer["lines"]):
        for one in part["discounts"]:
            one["amount"] = "0.00"


#: The right one has the lines B-1, 1 at 0.05, and A-1, 3 at 19.99: see the first test.
WRONG: dict[str, Change] = {
    # Forms
    "no id": lambda a: a.pop("quoteId"),
    "an id with a line's end": lambda a: a.update(quoteId="q\n"),
    "no end": lambda a: a.pop("validUntil"),
    "an end without its offset": lambda a: a.update(validUntil="2026-01-01T12:00:00"),
    "no currency": lambda a: a.pop("currency"),
    "small letters for a currency": lambda a: a.update(currency="usd"),
    "no lines": lambda a: a.pop("lines"),
    "null for lines": lambda a: a.update(lines=None),
    "no discounts": lambda a: a.pop("discounts"),
    "null for a discount": lambda a: a["discounts"].append(None),
    "a float": lambda a: a.update(finalPrice=42.86),
    "an amount below nothing": lambda a: a.update(finalPrice="-42.86"),
    "an exponent": lambda a: a.update(finalPrice="4286e-2"),
    "no number": lambda a: a.update(finalPrice="NaN"),
    "a comma": lambda a: a.update(finalPrice="42,86"),
    "needless zeros": lambda a: a.update(finalPrice="042.86"),
    "a line's end behind an amount": lambda a: a.update(finalPrice="42.86\n"),
    "digits of another script": lambda a: a.update(finalPrice="٤٢.٨٦"),
    "a point that has moved": lambda a: a.update(finalPrice="428.6"),
    "more decimals in one amount": lambda a: _line(a, 0, basePrice="0.050"),
    "more decimals in the sums": lambda a: a.update(
        {name: a[name] + "0" for name in ("subtotal", "discount", "tax", "finalPrice")}
    ),
    "floats throughout": _as_floats,
    "a quantity as text": lambda a: _line(a, quantity="3"),
    "a line without its price": lambda a: _without(a, "basePrice"),
    "a line without its tax": lambda a: _without(a, "tax"),
    "a description without end": lambda a: a["discounts"][0].update(description="x" * 10_001),
    # Another order's
    "another product": lambda a: _line(a, productId="C-1"),
    "another quantity": lambda a: _line(a, quantity=2),
    "a line less": lambda a: a["lines"].pop(0),
    "a line more": lambda a: a["lines"].append(a["lines"][0] | {"productId": "C-1"}),
    "a line twice": lambda a: a["lines"].append(a["lines"][0]),
    "one line in place of the other": lambda a: a["lines"].__setitem__(0, a["lines"][1]),
    "no line": lambda a: a["lines"].clear(),
    "a code less": lambda a: a["discounts"].pop(),
    "a code more": lambda a: a["discounts"].append(
        {"code": "MORE", "amount": "0.00", "description": ""}
    ),
    "a code twice": lambda a: a["discounts"].append(a["discounts"][0]),
    "another code": lambda a: a["discounts"][0].update(code="OTHER"),
    # Sums
    "a total of lines that is not theirs": lambda a: (
        a.update(finalPrice="42.85"), _line(a, finalPrice="42.81")
    ),
    "a tax that is in no total": lambda a: (a.update(tax="6.86"), _line(a, tax="6.85")),
    "what codes took off moved from one to the other": lambda a: (
        a["discounts"][0].update(amount="6.00"), a["discounts"][1].update(amount="18.01")
    ),
    "a discount of which no code took off anything": _take_nothing_off,
    "a code that took off more of a line": lambda a: a["lines"][1]["discounts"][0].update(
        amount="6.01"
    ),
    "a code of a line that is not the order's": lambda a: a["lines"][1]["discounts"][0].update(
        code="OTHER"
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
async def test_a_quote_that_is_not_the_one_asked_for_is_not_believed(change: Change) -> None:
    """
    Other items, codes or amounts that do not add up are a failure, and are logged.
    """
    with structlog.testing.capture_logs() as logs, pytest.raises(UpstreamFailed):
        await Shop().quote(telling(change))

    assert [(line["event"], line["upstream"]) for line in logs] == [
        ("upstream.answer_unusable", "pricing")
    ]


#: Of the order, of its two codes, of its two lines and of what codes took off them.
N_AMOUNTS = 4 + 2 + 2 * 5 + 2 * 2


@pytest.mark.parametrize("place", range(N_AMOUNTS))
async def test_no_amount_can_be_another_unseen(place: int) -> None:
    """
    Each takes part in a sum: one cent more, anywhere, spoils the quote.
    """

    def a_cent_more(answer: Answer) -> None:
        amounts = [*_amounts_in(answer)]
        assert len(amounts) == N_AMOUNTS
        part, name = amounts[place]
        part[name] = str(Decimal(part[name]) + Decimal("0.01"))

    with pytest.raises(UpstreamFailed):
        await Shop().quote(telling(a_cent_more))


#: The same where no sum shows it, since it is free.
WRONG_AND_FREE: dict[str, Change] = {
    "another quantity": lambda a: _line(a, 0, quantity=2),
    "a line twice": lambda a: a["lines"].append(a["lines"][0]),
    "a line more": lambda a: a["lines"].append(a["lines"][0] | {"productId": "C-1"}),
    "a code twice": lambda a: a["discounts"].append(a["discounts"][0]),
    "another code": lambda a: a["discounts"][0].update(code="OTHER"),
    "no decimals": lambda a: a.update(tax="0"),
}


@pytest.mark.parametrize("change", WRONG_AND_FREE.values(), ids=WRONG_AND_FREE)
async def test_a_gift_is_not_another_gift(change: Change) -> None:
    """
    What costs nothing is what was asked for, all the same.
    """
    shop = Shop()
    shop.pricing.prices["A-1"] = price("A-1", "0.00")

    with pytest.raises(UpstreamFailed):
        await shop.quote(telling(change), items=[Item("A-1", 1)], codes=["TEN"])


async def test_more_off_than_a_line_costs_is_not_believed() -> None:
    """
    Nobody is paid for buying, even where all sums add up.
    """

    def generous(answer: Answer) -> None:
        off = {"code": "TEN", "amount": "0.06", "description": ""}
        sums = {"discounts": [off], "discount": "0.06", "tax": "0.01", "finalPrice": "0.00"}
        answer |= sums
        answer["lines"][0] |= sums

    with pytest.raises(UpstreamFailed):
        await Shop().quote(telling(generous), items=[Item("B-1", 1)], codes=["TEN"])


async def test_a_quote_in_another_currency_is_not_believed() -> None:
    """
    Who wants to pay in dollars is not told euros; who names no currency is told the shop's.
    """
    in_euros = telling(lambda answer: answer.update(currency="EUR"))

    with pytest.raises(UpstreamFailed):
        await Shop().quote(in_euros, currency="USD")
    assert (await Shop().quote(in_euros)).currency == "EUR"


@pytest.mark.parametrize("most", ["92233720368547758.07", "9223372036854775807"])
async def test_amounts_have_a_measure(most: str) -> None:
    """
    What 64 bits hold in minor units is taken, and not one more.
    """
    nothing = "0.00" if "." in most else "0"

    def dear(amount: str) -> Fault:
        def change(answer: Answer) -> None:
            sums = {"subtotal": amount, "discount": nothing, "tax": nothing, "finalPrice": amount}
            answer |= sums
            answer["lines"][0] |= sums | {"basePrice": amount}

        return telling(change)

    quote = await Shop().quote(dear(most), items=[Item("A-1", 1)], codes=[])
    with pytest.raises(UpstreamFailed):
        await Shop().quote(dear(most[:-1] + "8"), items=[Item("A-1", 1)], codes=[])

    assert quote.final_price == most


#: Answers that are none, whatever was asked.
UNUSABLE: dict[str, Fault] = {
    "nothing": b"",
    "a page for people": b"<html><h1>Bad gateway</h1></html>",
    "null": b"null",
    "a list": b"[]",
    "half of an answer": b'{"orderId":"order-1","quot',
    "no encoding": b'{"orderId":"\xff"}',
    "lists without end": b'{"lines":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a status of nothing": lambda _: httpx.Response(204),
    "a status of elsewhere": lambda _: httpx.Response(302, headers={"Location": "/"}),
    "a status of something else": lambda _: httpx.Response(201, content=b"{}"),
    "the release of another": b'{"orderId":"order-2","releasedAt":"2026-01-01T12:00:00Z"}',
}


@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_cannot_be_read_is_a_failure(fault: Fault) -> None:
    """
    Nothing that pricing sends raises anything but errors of the kit.
    """
    shop = Shop()
    shop.pricing.on("release").fail_next(fault)

    with pytest.raises(UpstreamFailed):
        await shop.quote(fault)
    with pytest.raises(UpstreamFailed):
        await shop.quotes.release(ORDER)


@given(
    prices=st.lists(st.integers(0, 10**10), min_size=1, max_size=5),
    units=st.lists(st.integers(1, 10**6), min_size=5, max_size=5),
    percents=st.lists(st.integers(1, 100), max_size=3),
    tax=st.sampled_from(["0", "0.07", "0.19", "1"]),
    decimals=st.sampled_from([0, 2, 3]),
)
async def test_every_right_quote_is_believed(
    prices: list[int], units: list[int], percents: list[int], tax: str, decimals: int
) -> None:
    """
    Whatever is bought at whatever price, with any codes and tax: what adds up is taken.
    """
    amounts = {
        f"P-{at}": f"{Decimal(minor).scaleb(-decimals):f}" for at, minor in enumerate(prices)
    }
    backends = FakeBackends(
        prices={one: price(one, amount) for one, amount in amounts.items()},
        codes={f"C-{at}": Code(percent) for at, percent in enumerate(percents)},
    )
    backends.pricing.quotes.tax_rate = tax
    items = [Item(one, units[at]) for at, one in enumerate(amounts)]

    quotes = Quotes(backends.pricing_client(policy=ONCE))
    quote = await quotes.quote(ORDER, items, [*backends.pricing.quotes.codes])

    assert quote.final_price == backends.pricing.quotes.told[ORDER]["finalPrice"]

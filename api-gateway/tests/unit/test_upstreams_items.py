"""
What is made of one broken item among others, and of what is unusual and right.
"""

from datetime import UTC, datetime

import pytest
import structlog.testing
from asking import asking, without
from fake_backends import price, product

from gateway.upstreams.models import Price, Product
from servicekit.errors import UpstreamFailed

BROKEN_PRODUCTS: dict[str, dict[str, object]] = {
    "no name": {"name": None},
    "a number for a name": {"name": 1},
    "a name without end": {"name": "x" * 10_001},
    "a list for a description": {"description": ["x"]},
    "less than nothing": {"stockLevel": -1},
    "a broken number": {"stockLevel": 10.5},
    "a number as text": {"stockLevel": "10"},
    "a truth for a number": {"reserved": False},
    "more than JavaScript counts": {"stockLevel": 2**53},
    "more than a machine counts": {"stockLevel": 2**63},
    "more reserved than there is": {"stockLevel": 3, "reserved": 4, "available": 0},
    "more available than there is": {"stockLevel": 3, "reserved": 0, "available": 4},
    "more available than is free": {"stockLevel": 3, "reserved": 2, "available": 3},
    "no moment": {"updatedAt": "yesterday"},
    "a moment without its offset": {"updatedAt": "2026-01-01T12:00:00"},
    "a number for a moment": {"updatedAt": 1_767_268_800},
    "an address that is run": {"imageUrl": "javascript:alert(1)"},
    "an address of its own": {"imageUrl": "data:text/html,x"},
    "an address of another's": {"imageUrl": "//evil.example/x"},
    "the same, with a backslash": {"imageUrl": "/\\evil.example/x"},
    "the same, around a tab": {"imageUrl": "/\t/evil.example/x"},
}
BROKEN_PRICES: dict[str, dict[str, object]] = {
    "a float": {"basePrice": 19.99},
    "nothing": {"basePrice": ""},
    "less than nothing": {"basePrice": "-19.99"},
    "a plus": {"basePrice": "+19.99"},
    "an exponent": {"basePrice": "1e3"},
    "no number": {"basePrice": "NaN"},
    "no end": {"basePrice": "Infinity"},
    "a comma": {"basePrice": "19,99"},
    "a blank": {"basePrice": " 19.99"},
    "a line's end": {"basePrice": "19.99\n"},
    "no digits in front": {"basePrice": ".99"},
    "no digits behind": {"basePrice": "19."},
    "needless zeros": {"basePrice": "0019.99"},
    "digits of another script": {"basePrice": "١٩.٩٩"},
    "too much": {"basePrice": "1" * 19},
    "too exact": {"basePrice": "1.0000001"},
    "no currency": {"currency": None},
    "small letters": {"currency": "usd"},
    "a sign": {"currency": "$"},
    "four letters": {"currency": "USDT"},
    "a currency with a line's end": {"currency": "USD\n"},
}
BROKEN = [
    *(
        pytest.param("inventory", changed, id=f"product: {name}")
        for name, changed in BROKEN_PRODUCTS.items()
    ),
    *(
        pytest.param("pricing", changed, id=f"price: {name}")
        for name, changed in BROKEN_PRICES.items()
    ),
]


@pytest.mark.parametrize(("name", "changed"), BROKEN)
async def test_a_broken_item_fails_alone(name: str, changed: dict[str, object]) -> None:
    """
    Of an item that cannot be shown there is a failure; the others of its batch are as they are.
    """
    service = asking(name)
    well = await service.ask(["A-1"])
    service.upstream.fail_always(service.body(service.item("A-1"), service.item("A-2") | changed))

    found = await service.ask(["A-1", "A-2"])

    assert isinstance(found["A-2"], UpstreamFailed)
    assert found["A-1"] == well["A-1"]


@pytest.mark.parametrize("missing", ["sku", "available", "updatedAt", "basePrice", "currency"])
async def test_an_item_without_a_field_fails_alone(missing: str) -> None:
    """
    What is missing is not made up.
    """
    service = asking("pricing" if missing in {"basePrice", "currency"} else "inventory")
    broken = without(service.item("A-2"), missing)
    service.upstream.fail_always(service.body(service.item("A-1"), broken))

    found = await service.ask(["A-1", "A-2"])

    assert {one for one, item in found.items() if isinstance(item, UpstreamFailed)} == {"A-2"}


@pytest.mark.parametrize(
    "text", [b"\\ud800 alone", b"\\uzzzz"], ids=["half a character", "no escape"]
)
async def test_text_that_is_none_spoils_its_answer(text: bytes) -> None:
    """
    A name that could not be written again is not read either: JSON ends where it stands.
    """
    service = asking("inventory")
    body = service.body(service.item("A-1"), service.item("A-2") | {"name": "?"})
    service.upstream.fail_always(body.replace(b'"?"', b'"' + text + b'"'))

    with pytest.raises(UpstreamFailed):
        await service.ask(["A-1", "A-2"])


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80"], ids=["no UTF-8", "half a character"])
async def test_text_in_no_encoding_spoils_its_item(text: bytes) -> None:
    """
    Bytes that are no UTF-8 are the fault of the item that has them.
    """
    service = asking("inventory")
    body = service.body(service.item("A-1"), service.item("A-2") | {"name": "?"})
    service.upstream.fail_always(body.replace(b'"?"', b'"' + text + b'"'))

    found = await service.ask(["A-1", "A-2"])

    assert isinstance(found["A-1"], Product)
    assert isinstance(found["A-2"], UpstreamFailed)


@pytest.mark.parametrize(
    "number",
    [b"1e400", b"1" + b"0" * 30, b"9" * 5000, b"-0.0", b"1.0"],
    ids=lambda n: n[:6].decode(),
)
async def test_a_number_that_is_no_count_is_not_rounded_to_one(number: bytes) -> None:
    """
    Counts are whole numbers in their bounds, written as such.
    """
    service = asking("inventory")
    body = service.body(service.item("A-1") | {"stockLevel": 12_345})
    service.upstream.fail_always(body.replace(b"12345", number))

    found = await service.ask(["A-1"])

    assert isinstance(found["A-1"], UpstreamFailed)


async def test_what_is_unusual_and_right_is_read() -> None:
    """
    Fields of later versions, units that are held back, any script, and the ends of each range.
    """
    service = asking("inventory")
    unusual = product("A-1", stock=2**53 - 1, reserved=2**53 - 1, name="Łódź\n\t🛶", description="")
    held_back = product("A-2", stock=9, reserved=1, available=5, imageUrl="https://img.example/1")
    held_back |= {"updatedAt": "2026-01-01T14:00:00+02:00", "colour": {"later": [1.5e300]}}
    service.upstream.fail_always(service.body(unusual, held_back))

    found = await service.ask(["A-1", "A-2"])

    assert isinstance(found["A-1"], Product)
    assert isinstance(found["A-2"], Product)
    assert (found["A-1"].name, found["A-1"].available) == ("Łódź\n\t🛶", 0)
    assert found["A-2"].available == 5
    assert found["A-2"].updated_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_prices_are_text_in_whatever_currency_pricing_says() -> None:
    """
    No digit of a price changes on its way, and nothing is converted.
    """
    service = asking("pricing")
    amounts = {"A-1": ("0.00", "USD"), "A-2": ("9" * 18 + ".100000", "JPY")}
    service.upstream.fail_always(
        service.body(*(price(one, *said) for one, said in amounts.items()))
    )

    found = await service.ask([*amounts])

    assert found == {one: Price(one, *said) for one, said in amounts.items()}


async def test_operators_are_told_where_it_is_broken_and_not_what_stood_there() -> None:
    """
    A log line names the upstream and the kind of fault; nothing of the body is in it.
    """
    service = asking("inventory")
    secret = product("A-1", name="secret-word")
    with structlog.testing.capture_logs() as logs:
        service.upstream.fail_always(service.body(secret, {"id": "A-2", "name": "secret-word"}))
        await service.ask(["A-1", "A-2"])
        service.upstream.fail_always(service.body(secret)[:-5])
        with pytest.raises(UpstreamFailed):
            await service.ask(["A-1"])

    told = [{name: line[name] for name in ("event", "upstream")} for line in logs]
    assert told == [
        {"event": "upstream.items_unusable", "upstream": "inventory"},
        {"event": "upstream.answer_unusable", "upstream": "inventory"},
    ]
    assert logs[0]["items"] == 1
    assert "secret-word" not in str(logs)

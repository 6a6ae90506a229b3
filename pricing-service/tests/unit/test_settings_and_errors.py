"""
What settings allow, and that errors and settings are documented.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pricing import errors
from pricing.errors import InvalidDiscount
from pricing.refusals import Reason, Refusal
from pricing.settings import Settings
from servicekit.settings import example_env
from servicekit.testing.error_tables import errors_drawn, errors_made, errors_told

FOLDER = Path(__file__).parents[2]


def settings(**values: object) -> Settings:
    """
    Settings from these values only.
    """
    given: dict[str, Any] = {**values}
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize(
    "values",
    [
        {"default_currency": "XXX"},
        {"default_currency": "usd"},
        {"tax_rates": "no json"},
        {"tax_rates": "[" * 20_000},
        {"tax_rates": '{"default":"0.\u0661"}'},
        {"tax_rates": "[]"},
        {"tax_rates": '{"books":"0.07"}'},
        {"tax_rates": '{"default":0.07}'},
        {"tax_rates": '{"default":"1.01"}'},
        {"tax_rates": '{"default":"-0.1"}'},
        {"tax_rates": '{"default":"NaN"}'},
        {"tax_rates": '{"default":"0","Books & more":"0.07"}'},
        {"tax_rates": '{"default":"0","books-":"0.07"}'},
        {"tax_rates": f'{{"default":"0","{"b" * 41}":"0.07"}}'},
        {"quote_seconds": 0},
        {"quote_retention_days": 0},
        {"price_cache_seconds": 0},
        {"price_cache_seconds": 301},
        {"maintenance_interval_seconds": 0},
    ],
)
def test_impossible_settings_stop_the_start(values: dict[str, Any]) -> None:
    """
    A currency that is not known, rates that are none, times that make no sense are refused.
    """
    with pytest.raises(ValidationError):
        settings(**values)


def test_tax_rates_are_read_exactly() -> None:
    """
    As decimals, by category.
    """
    rates = settings(tax_rates='{"default":"0.19","books":"0.07","toys":"1"}').rates

    assert rates == {"default": Decimal("0.19"), "books": Decimal("0.07"), "toys": Decimal(1)}
    assert settings().rates == {"default": Decimal(0)}


def test_the_example_names_every_setting() -> None:
    """
    .env.example is what the settings say of themselves.
    """
    assert (FOLDER / ".env.example").read_text() == example_env(Settings)


def test_the_tree_of_errors_is_complete_and_true() -> None:
    """
    The docstring of errors.py draws each error of this service with its status and code.
    """
    assert errors_drawn(errors) == errors_made(errors)


def test_the_readme_tells_every_error() -> None:
    """
    The table in README.md names each error of this service with its status and code.
    """
    assert errors_told(FOLDER / "README.md") == errors_made(errors)


def test_the_readme_tells_every_reason() -> None:
    """
    Each reason for which a code is refused stands in README.md.
    """
    text = (FOLDER / "README.md").read_text()

    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_sentence(reason: Reason) -> None:
    """
    People read why, and programs too.
    """
    error = InvalidDiscount([Refusal("CODE", reason)])

    assert re.fullmatch(r"Remove or change these discount codes: CODE [a-z ]+\.", error.message)
    assert error.details == {"codes": [{"code": "CODE", "reason": reason.value}]}

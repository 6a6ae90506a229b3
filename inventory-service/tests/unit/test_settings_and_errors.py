"""
What settings allow, and that errors and settings are documented.
"""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from inventory import errors
from inventory.errors import OrderConflict, Reason
from inventory.settings import Settings
from servicekit.settings import example_env
from servicekit.testing.error_tables import errors_drawn, errors_made, errors_told

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "values",
    [
        {"reservation_seconds": 0},
        {"reservation_seconds": 604_801},
        {"sweep_interval_seconds": 0},
        {"sweep_batch": 0},
        {"low_stock_threshold": -1},
        {"jwt_algorithm": "HS256"},
    ],
)
def test_impossible_settings_stop_the_start(values: dict[str, Any]) -> None:
    """
    Values that no shop could mean are refused.
    """
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **values)


def test_the_defaults_are_those_of_the_design() -> None:
    """
    Port 8001, a quarter of an hour, a database named after the service.
    """
    settings = Settings(_env_file=None)

    assert (settings.service_name, settings.service_port) == ("inventory-service", 8001)
    assert settings.reservation_life.total_seconds() == 900
    assert settings.database_url == "sqlite:///.data/inventory_service.db"


def test_the_example_names_every_setting() -> None:
    """
    .env.example is what the settings say of themselves.
    """
    assert (ROOT / ".env.example").read_text() == example_env(Settings)


def test_the_tree_of_errors_is_complete_and_true() -> None:
    """
    The docstring of errors.py draws each error of this service with its status and code.
    """
    assert errors_drawn(errors) == errors_made(errors)


def test_the_readme_tells_every_error() -> None:
    """
    The table in README.md names each error of this service with its status and code, and each
    reason of a refused order.
    """
    assert errors_told(ROOT / "README.md") == errors_made(errors)
    text = (ROOT / "README.md").read_text()
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in text] == []


@pytest.mark.parametrize("reason", get_args(Reason))
def test_each_reason_has_a_sentence(reason: Reason) -> None:
    """
    Every refusal of an order tells people what to do, and programs why.
    """
    refusal = OrderConflict(reason, order_id="o-1", product_id="lamp")

    assert refusal.message.endswith(".")
    assert refusal.details == {"reason": reason, "orderId": "o-1", "productId": "lamp"}

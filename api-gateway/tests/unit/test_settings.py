"""
What settings allow, that they are documented, and what bounds they make.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.accounts import errors as account_errors
from gateway.catalog import errors as catalog_errors
from gateway.checkout import errors as checkout_errors
from gateway.module_table import MODULES
from gateway.reports import errors as report_errors
from gateway.settings import Settings
from servicekit.settings import SettingsError, example_env, load
from servicekit.testing.error_tables import errors_drawn, errors_made, errors_told

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "values",
    [
        {"api_v1_prefix": "api"},
        {"api_v1_prefix": "/api/"},
        {"api_v1_prefix": "/"},
        {"api_v1_prefix": "/a//b"},
        {"api_v1_prefix": "/{x}"},
        {"api_v1_prefix": "/.."},
        {"inventory_service_url": "inventory:8001"},
        {"pricing_service_url": "http://user:secret@pricing"},
        {"service_timeout": 0},
        {"service_timeout": float("nan")},
        {"circuit_breaker_threshold": 0},
        {"circuit_breaker_timeout": 0},
        {"stale_if_error_seconds": -1},
        {"last_known_products": 0},
    ],
)
def test_impossible_settings_stop_the_start(values: dict[str, Any]) -> None:
    """
    Values that nobody could mean are refused.
    """
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **values)


def test_a_bad_value_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The operator reads which variables are wrong, and no value.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRICING_SERVICE_URL", "http://user:hunter2@pricing")
    monkeypatch.setenv("CIRCUIT_BREAKER_THRESHOLD", "none")

    with pytest.raises(SettingsError) as refused:
        load(Settings)

    line = str(refused.value)
    assert line.startswith("PRICING_SERVICE_URL: must not carry a user name or password; ")
    assert "CIRCUIT_BREAKER_THRESHOLD: " in line
    assert "\n" not in line
    assert "hunter2" not in line


def test_the_defaults_are_those_of_the_design() -> None:
    """
    Port 8000, /api/v1, 2 s a request, 30 s a call, five failures, a minute, five minutes.
    """
    settings = Settings(_env_file=None)

    assert (settings.service_name, settings.service_port) == ("api-gateway", 8000)
    assert settings.api_v1_prefix == "/api/v1"
    assert settings.inventory_service_url == "http://127.0.0.1:8001"
    assert settings.pricing_service_url == "http://127.0.0.1:8002"
    assert (settings.request_timeout_seconds, settings.service_timeout) == (2, 30)
    assert (settings.circuit_breaker_threshold, settings.circuit_breaker_timeout) == (5, 60)
    assert settings.stale_if_error_seconds == 300


def test_settings_bound_the_calls() -> None:
    """
    What is set stands in the policy of every call.
    """
    settings = Settings(
        _env_file=None,
        service_timeout=3,
        circuit_breaker_threshold=7,
        circuit_breaker_timeout=9,
    )

    for policy in (settings.policy, settings.reading_policy):
        assert policy.total_timeout_s == 3
        assert (policy.breaker_threshold, policy.breaker_open_for_s) == (7, 9)


@pytest.mark.parametrize("request_timeout_s", [0.5, 2.0, 20.0])
def test_a_read_has_time_for_a_second_attempt(request_timeout_s: float) -> None:
    """
    Two attempts and the pause between them end before the request does.
    """
    settings = Settings(_env_file=None, request_timeout_seconds=request_timeout_s)
    policy = settings.reading_policy

    two_attempts_s = 2 * policy.attempt_timeout_s + policy.backoff_base_s
    assert two_attempts_s < request_timeout_s


def test_no_attempt_outlives_its_call() -> None:
    """
    A short SERVICE_TIMEOUT bounds the single attempt, too.
    """
    settings = Settings(_env_file=None, service_timeout=0.1)

    assert settings.policy.attempt_timeout_s == settings.reading_policy.attempt_timeout_s == 0.1


def test_the_example_names_every_setting() -> None:
    """
    .env.example is what the settings say of themselves.
    """
    assert (ROOT / ".env.example").read_text() == example_env(Settings)


HOMES = (account_errors, catalog_errors, checkout_errors, report_errors)


def test_the_trees_of_errors_are_complete_and_true() -> None:
    """
    The docstring of each errors.py draws the errors of its module with their status and code.
    """
    assert errors_drawn(*HOMES) == errors_made(*HOMES)


def test_the_readme_tells_every_error() -> None:
    """
    The table in README.md names each error of the gateway's own with its status and code.
    """
    assert errors_told(ROOT / "README.md") == errors_made(*HOMES)


def test_the_readme_tells_every_module() -> None:
    """
    The table in README.md has each module of the gateway, with those that it may call.
    """
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z]+)` \| [^|]+ \| ([^|]*)\|$", text, re.MULTILINE)

    told = {name: tuple(re.findall(r"`(\w+)`", calls)) for name, calls in rows}
    assert told == {module.name: module.dependencies for module in MODULES}

"""
What the pricing service can be told, on top of what every service can.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from pricing.discounts.engine import DEFAULT_RATE
from pricing.money import minor_units
from pricing.names import is_category
from servicekit.settings import ServiceName, ServicePort, ServiceSettings

_RATE: Final = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")


def _known_currency(code: str) -> str:
    minor_units(code)
    return code


def _tax_rates(text: str) -> str:
    _read_rates(text)
    return text


def _read_rates(text: str) -> Mapping[str, Decimal]:
    wrong = ValueError(
        'must be a JSON object of categories and rates from 0 to 1 as text, with a "default", '
        'such as {"default":"0.19","books":"0.07"}'
    )
    try:
        rates = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(rates, dict) or DEFAULT_RATE not in rates:
        raise wrong
    for category, rate in rates.items():
        if not is_category(category) or not isinstance(rate, str):
            raise wrong
        if not _RATE.fullmatch(rate):
            raise wrong
    return MappingProxyType({category: Decimal(rate) for category, rate in rates.items()})


class Settings(ServiceSettings):
    """
    The pricing service's settings.
    """

    service_name: ServiceName = "pricing-service"
    service_port: ServicePort = 8002

    default_currency: Annotated[
        str,
        AfterValidator(_known_currency),
        Field(description="The currency where a request names none; ISO 4217"),
    ] = "USD"
    tax_rates: Annotated[
        str,
        AfterValidator(_tax_rates),
        Field(description="Tax by category, as parts of one; a JSON object of texts"),
    ] = '{"default":"0"}'
    quote_seconds: Annotated[
        int, Field(ge=1, le=86_400, description="How long a quote holds; seconds")
    ] = 900
    quote_retention_days: Annotated[
        int,
        Field(ge=1, le=3_650, description="How long an expired quote and its order are kept; days"),
    ] = 30
    price_cache_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=300,
            description="How old a price from the cache may be; used where there is a Redis; s",
        ),
    ] = 5
    maintenance_interval_seconds: Annotated[
        float, Field(ge=1, le=3_600, description="How often old quotes are looked for; s")
    ] = 60.0

    @property
    def rates(self) -> Mapping[str, Decimal]:
        """
        The tax rate of each category, and the default one.
        """
        return _read_rates(self.tax_rates)

    @property
    def quotes_hold_for(self) -> timedelta:
        """
        From a quote's making to its end.
        """
        return timedelta(seconds=self.quote_seconds)

    @property
    def quotes_kept_for(self) -> timedelta:
        """
        From a quote's end until it is forgotten.
        """
        return timedelta(days=self.quote_retention_days)

"""
What the bodies and parameters of all capabilities have in common.
"""

from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, Field
from starlette.convertors import Convertor

from pricing.money import SUPPORTED, minor_units


def _known(code: str) -> str:
    minor_units(code)
    return code


_PRODUCT_ID = r"^[A-Za-z0-9._-]{1,64}$"

ProductId = Annotated[str, Field(pattern=_PRODUCT_ID, examples=["TEST-001"])]
ProductIdInPath = Annotated[str, Path(pattern=_PRODUCT_ID, examples=["TEST-001"])]
Currency = Annotated[
    str,
    AfterValidator(_known),
    Field(examples=["USD"], json_schema_extra={"enum": [*SUPPORTED]}),
]
CurrencyInQuery = Annotated[Currency | None, Query(description="By default that of the shop")]
Category = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", examples=["books"])]
#: An amount on its way in; which decimals it may have depends on the currency beside it.
AmountText = Annotated[str, Field(max_length=16, examples=["19.99"])]
#: An amount, or a share, on its way out.
Decimals = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["19.99"])]


class ProductIdConvertor(Convertor[str]):
    """
    Any segment of a path that is not the name of another route below ``/prices``, so that those
    routes say rightly which methods they serve. No product can be called like one of them.
    """

    regex = "(?!(?:calculate|quote|quotes)(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """
        As it stands; the parameter's own rules are checked later.
        """
        return value

    def to_string(self, value: str) -> str:
        """
        As it is.
        """
        return value

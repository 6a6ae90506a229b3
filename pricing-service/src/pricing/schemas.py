"""
What the bodies of all capabilities have in common.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from pricing.money import SUPPORTED, minor_units
from pricing.names import CATEGORY_PATTERN, ID_PATTERN, MAX_CATEGORY_LENGTH, not_reserved


def _known(code: str) -> str:
    minor_units(code)
    return code


ProductId = Annotated[
    str, Field(pattern=ID_PATTERN, examples=["TEST-001"]), AfterValidator(not_reserved)
]
Currency = Annotated[
    str,
    AfterValidator(_known),
    Field(examples=["USD"], json_schema_extra={"enum": [*SUPPORTED]}),
]
Category = Annotated[
    str, Field(pattern=CATEGORY_PATTERN, max_length=MAX_CATEGORY_LENGTH, examples=["books"])
]
#: An amount on its way in; which decimals it may have depends on the currency beside it.
AmountText = Annotated[str, Field(max_length=16, examples=["19.99"])]
#: An amount, or a share, on its way out.
Decimals = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["19.99"])]

"""
What products may be called.
"""

from typing import Final

#: Ids that people use, such as TEST-001; none is ``.`` or ``..``, which no address can end with.
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
#: Pricing has addresses of these names where those of products stand.
_ADDRESSES: Final = ("calculate", "quote", "quotes")
#: As a pattern of JSON Schema, which cannot be told that case does not count.
ADDRESS_PATTERN: Final = "^({})$".format(
    "|".join("".join(f"[{letter.upper()}{letter}]" for letter in name) for name in _ADDRESSES)
)


def not_an_address(product_id: str) -> str:
    """
    The id, unless the service of prices has an address of this name; raises ValueError.
    """
    if product_id.lower() in _ADDRESSES:
        names = ", ".join(_ADDRESSES)
        raise ValueError(f"must not be one of {names}: addresses of the prices are called so")
    return product_id

"""
What products and categories may be called: the same here and in the inventory.
"""

import re
from typing import Final

#: A product's id, as it stands within a longer pattern too.
ID: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
ID_PATTERN: Final = f"^{ID}$"
#: Addresses below ``/prices``, which no product can be called, in capitals or not.
RESERVED_IDS: Final = ("calculate", "quote", "quotes")
CATEGORY_PATTERN: Final = "^[a-z0-9]+(?:-[a-z0-9]+)*$"
MAX_CATEGORY_LENGTH: Final = 40

_IS_CATEGORY: Final = re.compile(CATEGORY_PATTERN[1:-1]).fullmatch


def not_reserved(product_id: str) -> str:
    """
    The id, unless it is an address; raises ValueError.
    """
    if product_id.lower() in RESERVED_IDS:
        raise ValueError(f"must not be one of {', '.join(RESERVED_IDS)}")
    return product_id


def is_category(text: str) -> bool:
    """
    Whether a category may be called so.
    """
    return len(text) <= MAX_CATEGORY_LENGTH and _IS_CATEGORY(text) is not None

"""
What text a service takes from outside. Control characters are refused everywhere:
they hide in logs and break databases.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

#: Unicode categories: control characters and lone surrogates.
CONTROL = frozenset({"Cc", "Cs"})


def has_control_characters(text: str) -> bool:
    """
    Whether ``text`` holds what is no text.
    """
    return any(unicodedata.category(character) in CONTROL for character in text)


def _without_control_characters(text: str) -> str:
    if has_control_characters(text):
        raise ValueError("must not hold control characters")
    return text


#: Text at the edge of a service without control characters.
PlainText = Annotated[str, AfterValidator(_without_control_characters)]

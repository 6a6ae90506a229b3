"""
What text this service takes from outside, and the form in which names are compared.

Names are compared by their key: NFKC and casefold, so that ``ANNA`` in wide
letters and ``anna`` are the same name. Control characters are refused
everywhere: they hide in logs and break databases. Names, which others read,
hold no invisible characters either.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

#: Unicode categories: control characters and lone surrogates.
_CONTROL = frozenset({"Cc", "Cs"})
#: Besides: format (which can turn text around), private, unassigned; line and paragraph ends.
_INVISIBLE = _CONTROL | {"Cf", "Co", "Cn", "Zl", "Zp"}


def has_control_characters(text: str) -> bool:
    """
    Whether ``text`` holds what is no text.
    """
    return any(unicodedata.category(character) in _CONTROL for character in text)


def is_visible(text: str) -> bool:
    """
    Whether ``text`` holds only characters that can be seen, and spaces.
    """
    return not any(unicodedata.category(character) in _INVISIBLE for character in text)


def name_key(name: str) -> str:
    """
    The form of a name by which it is unique and found.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    # Folding can undo the normal form, and the other way round; see Unicode, section 3.13 (D147).
    return unicodedata.normalize("NFKC", folded).casefold().strip()


def _without_control_characters(text: str) -> str:
    if has_control_characters(text):
        raise ValueError("must not hold control characters")
    return text


#: Text at the edge of the service without control characters.
PlainText = Annotated[str, AfterValidator(_without_control_characters)]

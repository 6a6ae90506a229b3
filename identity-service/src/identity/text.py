"""
What text this service takes from outside, and the form in which names are compared.

Names are compared by their key: NFKC and casefold, so that ``ANNA``
and ``anna`` are the same name. Control characters, unassigned ones and lone
surrogates are refused everywhere: they hide in logs and break databases.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

#: Unicode categories that no input may hold: control, format, surrogate, private, unassigned.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Line and paragraph separators, which break lines as control characters do.
_REFUSED_CATEGORIES_OF_BREAKS = frozenset({"Zl", "Zp"})


def is_clean(text: str) -> bool:
    """
    Whether ``text`` holds only characters that can be seen, and spaces.
    """
    refused = _REFUSED_CATEGORIES | _REFUSED_CATEGORIES_OF_BREAKS
    return not any(unicodedata.category(character) in refused for character in text)


def name_key(name: str) -> str:
    """
    The form of a name by which it is unique and found.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    # Folding can undo the normal form, and the other way round; see Unicode, section 3.13 (D147).
    return unicodedata.normalize("NFKC", folded).casefold().strip()


def _clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("must not hold control characters")
    return text


#: Text at the edge of the service without control characters.
CleanText = Annotated[str, AfterValidator(_clean)]

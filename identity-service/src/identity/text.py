"""
The form in which names are compared, and what they may hold.

Names are compared by their key: NFKC and casefold, so that ``ANNA`` in wide
letters and ``anna`` are the same name. Names, which others read, hold no
invisible characters.
"""

import unicodedata

from servicekit.text import CONTROL

#: Besides: format (which can turn text around), private, unassigned; line and paragraph ends.
_INVISIBLE = CONTROL | {"Cf", "Co", "Cn", "Zl", "Zp"}


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

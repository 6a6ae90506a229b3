"""
Pictures of products, drawn from what is known of them: no files, no network.

A motif and colours stand for the category, the id varies colours and tilt a little, and the name
stands below. The same product always gets the same picture.
"""

import hashlib
import re
import textwrap
from dataclasses import dataclass
from html import escape
from typing import Final
from unicodedata import east_asian_width

_LETTERS_IN_A_LINE: Final = 26
_WIDE_LETTERS_IN_A_LINE: Final = 14
_TITLE_LETTERS: Final = 100
_MAX_TILT: Final = 6
_MAX_HUE_SHIFT: Final = 14
# https://www.w3.org/TR/xml/#charsets
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Style:
    """
    How a category looks: its hue in degrees, and its motif around 0,0 within 85 units.

    A motif is drawn in the dark of its hue; ``currentColor`` is the bright one, white is paper.
    """

    hue: int
    motif: str


_STYLES: Final = {
    # Headphones.
    "electronics": _Style(
        215,
        '<path d="M-62 20v-14a62 62 0 0 1 124 0v14" fill="none" stroke="currentColor"'
        ' stroke-width="13"/>'
        '<rect x="-78" y="8" width="36" height="62" rx="16"/>'
        '<rect x="42" y="8" width="36" height="62" rx="16"/>'
        '<path d="M-60 24v30M60 24v30" stroke="#fff" stroke-width="5" stroke-linecap="round"/>',
    ),
    # A steaming mug.
    "home": _Style(
        22,
        '<path d="M38-12h14a24 24 0 0 1 0 48H38" fill="none" stroke="currentColor"'
        ' stroke-width="12"/>'
        '<path d="M-60-28H40V38a30 30 0 0 1-30 30h-40a30 30 0 0 1-30-30z"/>'
        '<path d="M-60-8H40" stroke="#fff" stroke-width="6"/>'
        '<path d="M-34-42c-9-12 9-18 0-32M-10-42c-9-12 9-18 0-32M14-42c-9-12 9-18 0-32"'
        ' fill="none" stroke="currentColor" stroke-width="6" stroke-linecap="round"/>',
    ),
    # An open book.
    "books": _Style(
        350,
        '<path d="M0-38C-22-56-56-56-80-46V56C-56 46-22 46 0 64 22 46 56 46 80 56V-46'
        'C56-56 22-56 0-38z"/>'
        '<path d="M-6-30C-24-42-50-43-70-37V42c22-6 46-5 64 7zM6-30C24-42 50-43 70-37V42'
        'c-22-6-46-5-64 7z" fill="#fff"/>'
        '<path d="M-58-18q20-4 40 5M-58 2q20-4 40 5M-58 22q20-4 40 5M18-13q20-9 40-5'
        'M18 7q20-9 40-5M18 27q20-9 40-5" fill="none" stroke="currentColor" stroke-width="5"'
        ' stroke-linecap="round"/>',
    ),
    # A shirt.
    "clothing": _Style(
        275,
        '<path d="M-26-64L-82-34l18 36 20-9V66h88V-7l20 9 18-36L26-64C16-46-16-46-26-64z"'
        ' stroke="currentColor" stroke-width="5" stroke-linejoin="round"/>'
        '<path d="M-44 14h88M-44 32h88" stroke="currentColor" stroke-width="8"/>'
        '<path d="M-24-58C-12-38 12-38 24-58" fill="none" stroke="#fff" stroke-width="6"/>',
    ),
    # A dumbbell.
    "sports": _Style(
        150,
        '<rect x="-44" y="-8" width="88" height="16" fill="currentColor"/>'
        '<rect x="-66" y="-48" width="24" height="96" rx="9"/>'
        '<rect x="42" y="-48" width="24" height="96" rx="9"/>'
        '<rect x="-84" y="-28" width="18" height="56" rx="8"/>'
        '<rect x="66" y="-28" width="18" height="56" rx="8"/>'
        '<path d="M-54-32v34M54-32v34" stroke="#fff" stroke-width="5" stroke-linecap="round"/>',
    ),
    # A kite.
    "toys": _Style(
        45,
        '<path d="M0-80L52-18 0 52-52-18z"/>'
        '<path d="M0-80L52-18H0zM0 52L-52-18H0z" fill="currentColor"/>'
        '<path d="M0-80V52M-52-18H52" stroke="#fff" stroke-width="4"/>'
        '<path d="M0 52q-20 12-4 22 14 8-4 14" fill="none" stroke="currentColor"'
        ' stroke-width="5" stroke-linecap="round"/>',
    ),
}
#: A parcel, for everything else.
_PARCEL: Final = _Style(
    190,
    '<path d="M0-70L70-36V38L0 72-70 38V-36z"/>'
    '<path d="M0-70L70-36 0-2-70-36z" fill="currentColor"/>'
    '<path d="M-36-53L34-18V10M0 0V68" fill="none" stroke="#fff" stroke-width="5"'
    ' stroke-linejoin="round"/>',
)


def picture(product_id: str, name: str, category: str) -> str:
    """
    An SVG document of less than 3 kB, whatever the names hold.
    """
    style = _STYLES.get(category, _PARCEL)
    noise = hashlib.sha256(product_id.encode(errors="replace")).digest()
    hue = (style.hue + _between(-_MAX_HUE_SHIFT, _MAX_HUE_SHIFT, noise[0])) % 360
    tilt = _between(-_MAX_TILT, _MAX_TILT, noise[1])
    shown = " ".join(_NOT_XML.sub(" ", name).split())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img">'
        f"<title>{escape(shown[:_TITLE_LETTERS])}</title>"
        '<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="hsl({hue},65%,96%)"/>'
        f'<stop offset="1" stop-color="hsl({(hue + 25) % 360},55%,84%)"/>'
        "</linearGradient></defs>"
        '<rect width="400" height="400" fill="url(#g)"/>'
        f"{_bubbles(noise, hue)}"
        '<circle cx="200" cy="168" r="122" fill="#fff" fill-opacity=".7"/>'
        f'<g transform="translate(200 168) rotate({tilt})" fill="hsl({hue},45%,26%)"'
        f' color="hsl({hue},72%,56%)">{style.motif}</g>'
        f"{_caption(shown, hue)}</svg>"
    )


def _bubbles(noise: bytes, hue: int) -> str:
    circles = (
        f'<circle cx="{_between(0, 400, x)}" cy="{_between(0, 290, y)}" r="{_between(8, 42, r)}"/>'
        for x, y, r in zip(noise[2:6], noise[6:10], noise[10:14], strict=True)
    )
    return f'<g fill="hsl({hue},70%,60%)" fill-opacity=".13">{"".join(circles)}</g>'


def _caption(name: str, hue: int) -> str:
    is_wide = any(east_asian_width(letter) in "WF" for letter in name)
    width = _WIDE_LETTERS_IN_A_LINE if is_wide else _LETTERS_IN_A_LINE
    lines = textwrap.wrap(name, width, max_lines=2, placeholder="…")
    first_y = 350 if len(lines) == 1 else 338
    spans = (
        f'<tspan x="200" y="{first_y + 30 * row}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    return (
        '<text text-anchor="middle" font-family="system-ui,sans-serif" font-size="24"'
        f' font-weight="600" fill="hsl({hue},45%,22%)">{"".join(spans)}</text>'
    )


def _between(low: int, high: int, byte: int) -> int:
    return low + (high - low) * byte // 255

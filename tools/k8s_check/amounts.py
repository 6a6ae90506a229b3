"""
Numbers as manifests write them.
"""

import math
import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final

_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([KMGTPE]i|[numkMGTPE])?")
_UNITS: Final[Mapping[str | None, float]] = {
    None: 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{unit: 1000.0**power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", start=1)},
}


def number(text: str) -> float | None:
    """
    A finite number; None for what is none.
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def quantity(text: str) -> float | None:
    """
    An amount of cores or bytes; None for what is none.
    """
    found = _QUANTITY.fullmatch(text)
    value = number(found[1]) if found else None
    return None if found is None or value is None else value * _UNITS[found[2]]


def is_wide(network: str, bits: int) -> bool:
    """
    Whether a network fixes fewer bits of its addresses than these (IPv6: four times as many); what is no network is not.
    """
    try:
        found = ip_network(network)
    except ValueError:
        return False
    return found.prefixlen < (bits if found.version == 4 else 4 * bits)

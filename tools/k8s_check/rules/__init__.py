"""
Our own rules, a module each: what goes wrong with manifests that every schema accepts.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tools.k8s_check.rules import (
    availability,
    ingress,
    network,
    references,
    releases,
    security,
    selection,
    settings,
)
from tools.k8s_check.shop import Finding, Shop

Rule = Callable[[Shop], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    references.check,
    selection.check,
    availability.check,
    security.check,
    releases.check,
    settings.check,
    network.check,
    ingress.check,
)

"""
Our own rules, a module each: what goes wrong with manifests that every schema accepts.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tools.k8s_check.rules import (
    availability,
    ingress,
    network,
    probes,
    references,
    releases,
    resources,
    security,
    selection,
    settings,
    times,
    volumes,
)
from tools.k8s_check.shop import Finding, Shop

Rule = Callable[[Shop], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    references.check,
    selection.check,
    availability.check,
    times.check,
    probes.check,
    resources.check,
    security.check,
    volumes.check,
    releases.check,
    settings.check,
    network.check,
    ingress.check,
)

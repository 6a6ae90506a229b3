"""
All that is asked of an overlay: Kubernetes' own schemas, and our rules.
"""

from collections.abc import Callable, Iterator

from tools.k8s_check import schemas
from tools.k8s_check.rules import RULES
from tools.k8s_check.shop import Finding, Shop


def check(whole: Shop) -> list[Finding]:
    """
    What schemas and rules say against an overlay.
    """
    rules: tuple[Callable[[Shop], Iterator[Finding]], ...] = (schemas.check, *RULES)
    return [finding for rule in rules for finding in rule(whole)]

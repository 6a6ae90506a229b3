"""
Whether a label selector chooses a set of labels.
"""

from collections.abc import Mapping

from tools.k8s_check.manifests import Node


def chooses(selector: Node, labels: Mapping[str, str]) -> bool:
    """
    As Kubernetes reads it: all of ``matchLabels`` and all of ``matchExpressions``; an empty one chooses all.
    """
    wanted = selector["matchLabels"].texts
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(each, labels) for each in selector["matchExpressions"]
    )


def chooses_by_pairs(selector: Node, labels: Mapping[str, str]) -> bool:
    """
    The plain form that Services have; an empty one chooses nobody.
    """
    return bool(selector.keys()) and all(
        labels.get(key) == value for key, value in selector.texts.items()
    )


def _holds(expression: Node, labels: Mapping[str, str]) -> bool:
    key = expression["key"].text
    values = {each.text for each in expression["values"]}
    match expression["operator"].text:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False

"""
The times of a stop and of a Job add up.
"""

import shlex
from collections.abc import Iterator
from typing import Final

from tools.k8s_check.amounts import number
from tools.k8s_check.environment import setting
from tools.k8s_check.services import ENDING_S, SERVICES
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Container, Workload

#: Until every node and balancer has heard that a pod is going: what still comes has to be served.
NEWS_S: Final = 5.0
#: Those who wait longest for an order are answered this much later.
_ANSWER_S: Final = 2.0
#: A migration waits for its database and locks tables in its turn.
_JOB_S: Final = 600


def check(shop: Shop) -> Iterator[Finding]:
    """
    What would be cut off.
    """
    for server in shop.servers:
        if server.service in SERVICES:
            yield from _stop(shop, server)
    for workload in shop.workloads:
        yield from _life(workload)


def _stop(shop: Shop, server: Workload) -> Iterator[Finding]:
    before_s = _before_the_signal_s(server.main)
    delay_s = _seconds(shop, server, "drain_delay_seconds")
    timeout_s = _seconds(shop, server, "drain_timeout_seconds")
    if delay_s is None or timeout_s is None:
        return  # The rule about settings says so.
    grace_s = server.pod["terminationGracePeriodSeconds"].number or 30
    if before_s + delay_s < NEWS_S:
        what = f"it must serve for {NEWS_S:g} s after it was told to stop, and does for {before_s + delay_s:g}"
        yield Finding(str(server), what)
    if grace_s <= before_s + delay_s + timeout_s + ENDING_S:
        what = (
            f"terminationGracePeriodSeconds {grace_s} must be more than preStop {before_s:g}"
            f" + drain {delay_s:g} + {timeout_s:g} + {ENDING_S:g} for the end"
        )
        yield Finding(str(server), what)
    if "order_wait_seconds" in SERVICES[server.service].settings.model_fields:
        wait_s = _seconds(shop, server, "order_wait_seconds")
        if wait_s is not None and timeout_s < wait_s + _ANSWER_S:
            what = f"DRAIN_TIMEOUT_SECONDS {timeout_s:g} cuts off who waits {wait_s:g} s for an order, and {_ANSWER_S:g} more"
            yield Finding(str(server), what)


def _seconds(shop: Shop, server: Workload, name: str) -> float | None:
    return number(setting(shop, server, server.main, name))


def _before_the_signal_s(container: Container) -> float:
    hook = container.node.at("lifecycle", "preStop")
    seconds = hook.at("sleep", "seconds").number
    if seconds is not None:
        return float(seconds)
    words = [word for part in hook.at("exec", "command") for word in _words(part.text)]
    if "sleep" in words[:-1]:
        return number(words[words.index("sleep") + 1]) or 0.0
    return 0.0


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        # A quotation that does not end.
        return text.split()


def _life(workload: Workload) -> Iterator[Finding]:
    spec = workload.manifest.spec
    if workload.is_job:
        life_s = spec["activeDeadlineSeconds"].number
        if life_s is not None and life_s < _JOB_S:
            what = f"activeDeadlineSeconds {life_s} ends it in its work: {_JOB_S} or more"
            yield Finding(str(workload), what)
    for halt, word in (("paused", "paused"), ("suspend", "suspended")):
        if spec[halt].value:
            yield Finding(str(workload), f"is {word}: nothing of it would run")
    if workload.pod["activeDeadlineSeconds"]:
        yield Finding(str(workload), "its pods must not have activeDeadlineSeconds of their own")

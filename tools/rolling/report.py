"""
What a rolling restart came to, for people.
"""

from collections.abc import Iterator, Sequence

from tools.rolling.load import Tally

_SHOWN = 20


def lines(tally: Tally, wrong: Sequence[str], *, seconds: float) -> Iterator[str]:
    """
    The figures, and every failure up to a number.
    """
    total = tally.requests.total()
    yield f"{total} requests in {seconds:.0f} s ({total / seconds:.0f} a second), {len(tally.failures)} failed"
    for kind, count in tally.requests.most_common():
        yield f"  {kind:7} {count:6}   slowest {tally.slowest_s[kind]:.2f} s"
    placed, sent = len(tally.placed), len(tally.orders)
    came_to = ", ".join(f"{count} {status}" for status, count in tally.ended.most_common())
    keyless = sum(one.key is None for one in tally.orders)
    yield f"{sent} orders sent, {keyless} of them without a key; {sent - placed} not placed"
    yield f"{placed} orders placed: {came_to or 'none'}"
    yield f"{len(tally.lost)} orders lost, {len(wrong)} places where the shelves say otherwise"
    for failure in [*tally.failures, *wrong][:_SHOWN]:
        yield f"  ! {failure}"


def is_good(tally: Tally, wrong: Sequence[str]) -> bool:
    """
    Nothing failed, nothing is lost, and something was done.
    """
    has_bought = any(one.status == "CONFIRMED" for one in tally.orders)
    return has_bought and not (tally.failures or tally.lost or wrong)

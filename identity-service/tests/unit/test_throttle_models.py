"""
The counters of failed sign-ins, without a database.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from identity.throttle.models import Counter, ThrottlePolicy, address_group

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = ThrottlePolicy(
    free_failures=5,
    window=timedelta(minutes=15),
    first_pause=timedelta(seconds=1),
    max_pause=timedelta(minutes=5),
)


def failed(times: int) -> Counter:
    """
    A counter after that many failures.
    """
    counter = Counter("key")
    for _ in range(times):
        counter = counter.failed(NOW, POLICY)
    return counter


@given(st.integers(min_value=0, max_value=10**9))
def test_pauses_are_bounded_and_never_shrink(failures: int) -> None:
    """
    More failures never make a shorter pause, and none exceeds the bound.
    """
    pause = POLICY.pause_after(failures)

    assert timedelta(0) <= pause <= POLICY.max_pause
    assert pause <= POLICY.pause_after(failures + 1)


def test_the_first_failures_are_free() -> None:
    """
    Four failures cost nothing, the fifth makes the next attempt wait.
    """
    assert failed(4).wait_s(NOW) == 0
    assert failed(5).wait_s(NOW) == 1
    assert failed(5).is_blocked(NOW)
    assert not failed(5).is_blocked(NOW + timedelta(seconds=1))


def test_a_window_without_failure_forgets() -> None:
    """
    Failures count until the window after the last one, and after its pause, is over.
    """
    counter = failed(9)
    over = NOW + timedelta(seconds=16) + POLICY.window

    assert counter.at(over - timedelta(seconds=1), POLICY) == counter
    assert counter.at(over, POLICY).is_clean
    assert Counter("key").at(over, POLICY).is_clean


def test_what_is_taken_back_leaves_the_others() -> None:
    """
    Taking one failure back keeps the pause that the others have earned.
    """
    assert failed(1).taken_back(POLICY) == Counter("key")
    assert failed(5).taken_back(POLICY).wait_s(NOW) == 0
    assert failed(8).taken_back(POLICY) == failed(7)
    assert Counter("key").taken_back(POLICY) == Counter("key")


def test_trust_ends() -> None:
    """
    A key is trusted until the moment that was set, and clean from then on.
    """
    trusted = failed(9).trusted(NOW + timedelta(days=1))

    assert trusted.is_clean
    assert trusted.is_trusted(NOW)
    assert not trusted.is_trusted(NOW + timedelta(days=1))
    assert not Counter("key").is_trusted(NOW)


def test_addresses_are_grouped_by_who_owns_them() -> None:
    """
    IPv4 counts by address, IPv6 by /64, and an IPv4 address in IPv6's clothes as itself.
    """
    assert address_group("203.0.113.7") == "203.0.113.7"
    assert address_group("::ffff:203.0.113.7") == "203.0.113.7"
    assert address_group("2001:db8::1") == address_group("2001:db8::2") == "2001:db8::/64"
    assert address_group("fe80::1%eth0") == "fe80::/64"
    assert address_group(None) == address_group("testclient") == "unknown"

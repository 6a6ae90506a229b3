"""
How long a sign-in has to wait after others have failed.

Three counters matter, each under a keyed hash (no name and no address is kept):

- *account*: failures at one name from anywhere; after a success it is cleared.
- *address*: failures from one address at any name; a success does not clear it.
- *pair*: failures at one name from one address. Where that pair has signed in
  before, it is counted instead of the account: a crowd that attacks an account
  cannot keep its owner out from where the owner usually is. From anywhere else
  the wait is bounded, so nobody is locked out forever.

The first failures are free; then each further one doubles the pause. An attempt
during a pause is refused unseen, right password or not, and does not lengthen it.

Where a counter is not clean, an attempt is counted as a failure before it is
checked, and taken back if it was right: attempts at the same moment cannot all
slip in under the bound.
"""

import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class ThrottlePolicy:
    """
    ``free_failures`` within ``window``; then pauses from ``first_pause``, doubling to ``max_pause``.
    """

    free_failures: int
    window: timedelta
    first_pause: timedelta
    max_pause: timedelta

    def pause_after(self, failures: int) -> timedelta:
        """
        The pause that follows the latest of ``failures``.
        """
        beyond = failures - self.free_failures
        if beyond < 0:
            return timedelta(0)
        # Bounded before it is raised: 2 ** beyond would soon be too large for a duration.
        return min(self.first_pause * float(2 ** min(beyond, 30)), self.max_pause)


@dataclass(frozen=True, slots=True)
class Counter:
    """
    The recent failures under one key. ``trusted_until`` is set where a pair has signed in.
    """

    key: str
    failures: int = 0
    failed_at: datetime | None = None
    blocked_until: datetime | None = None
    trusted_until: datetime | None = None

    @property
    def is_clean(self) -> bool:
        """
        No failure counts against this key.
        """
        return self.failures == 0

    def at(self, now: datetime, policy: ThrottlePolicy) -> "Counter":
        """
        The counter as it stands now: failures out of the window are forgotten.
        """
        if self.failed_at is None or self.is_blocked(now):
            return self
        if now - max(self.failed_at, self.blocked_until or self.failed_at) < policy.window:
            return self
        return self.cleared()

    def is_blocked(self, now: datetime) -> bool:
        """
        Attempts are refused for the moment.
        """
        return self.blocked_until is not None and now < self.blocked_until

    def is_trusted(self, now: datetime) -> bool:
        """
        A sign-in has succeeded under this key lately.
        """
        return self.trusted_until is not None and now < self.trusted_until

    def wait_s(self, now: datetime) -> float:
        """
        Seconds until the next attempt is looked at.
        """
        if self.blocked_until is None:
            return 0.0
        return max(0.0, (self.blocked_until - now).total_seconds())

    def failed(self, now: datetime, policy: ThrottlePolicy) -> "Counter":
        """
        One more failure, and the pause that follows from it.
        """
        failures = self.failures + 1
        pause = policy.pause_after(failures)
        return replace(
            self,
            failures=failures,
            failed_at=now,
            blocked_until=now + pause if pause else None,
        )

    def taken_back(self, policy: ThrottlePolicy) -> "Counter":
        """
        Without one failure that turned out to be none, and without its pause.
        """
        failures = max(0, self.failures - 1)
        pause = policy.pause_after(failures)
        if self.failed_at is None or failures == 0:
            return self.cleared()
        return replace(
            self, failures=failures, blocked_until=self.failed_at + pause if pause else None
        )

    def cleared(self) -> "Counter":
        """
        Without any failure.
        """
        return replace(self, failures=0, failed_at=None, blocked_until=None)

    def trusted(self, until: datetime) -> "Counter":
        """
        A sign-in has succeeded under this key.
        """
        return replace(self.cleared(), trusted_until=until)


def address_group(address: str | None) -> str:
    """
    The address by which failures are counted: an IPv6 customer owns a whole /64.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))

"""
The service that is looked at, and what the suite has to be told about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from signal import Signals
from typing import Protocol

from servicekit.conformance.wire import Address


class Stoppable(Protocol):
    """
    A process that can be stopped, such as ``servicekit.testing.ServedProcess``.
    """

    def signal(self, signal_: Signals) -> None:
        """
        Send a signal.
        """
        ...

    async def ended(self, within_s: float) -> int | None:
        """
        The exit code once it has ended, or None where that cannot be known.

        Raises TimeoutError or subprocess.TimeoutExpired where it has not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """
    Where the service is. Look at instances made for testing only: the suite sends broken
    and hostile requests, and the checks of the drain stop the process.

    - ``token``: an access token of a caller with every scope; without one, checks of what
      lies behind a token are not applicable.
    - ``pid`` or ``process``: whom to stop; without either, the drain is not looked at.
    - ``open_paths``: addresses that authenticate in a way of their own, where no bearer token
      is looked at (``create_service(open_paths=...)``).
    - ``drain_delay_s``, ``drain_timeout_s``, ``max_body_bytes``, ``anonymous_scopes``: how the
      service is configured.
    """

    base_url: str
    token: str | None = field(default=None, repr=False)
    pid: int | None = None
    process: Stoppable | None = field(default=None, repr=False)
    open_paths: Sequence[str] = ()
    drain_delay_s: float = 0.0
    drain_timeout_s: float = 20.0
    max_body_bytes: int = 1_048_576
    anonymous_scopes: Sequence[str] = ("read",)
    check_timeout_s: float = 30.0

    @property
    def address(self) -> Address:
        """
        Where to connect; raises ValueError where ``base_url`` is no address.
        """
        return Address.of(self.base_url)

    @property
    def stop_timeout_s(self) -> float:
        """
        How long the service may take from the signal to its end; a moment is added for the exit.
        """
        return self.drain_delay_s + self.drain_timeout_s + 5.0

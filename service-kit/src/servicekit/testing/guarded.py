"""
Servers for tests that never outlive the tests: see ``guardian``.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from servicekit.testing import guardian
from servicekit.testing.warm import WarmProcess, can_be_warm

_GRACE_S = 10.0


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """
    Want what stands behind ``path``; waits while a guardian is ending that.
    """
    yield from _locked(path, fcntl.LOCK_SH)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """
    Be the only one inside, among all processes of the run.
    """
    yield from _locked(path, fcntl.LOCK_EX)


def _locked(path: Path, kind: int) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Account:
    """
    Ids of a system user and group.
    """

    user: int
    group: int


class GuardedProcess:
    """
    A process that ends when it is told to, or when the holders of its lock file are gone.

    ``is_warm``: a Python program may start with its imports done (see ``warm_parent``).
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        lock: Path,
        log: Path,
        account: Account | None = None,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = _GRACE_S,
        detached: bool = False,
        remove: Sequence[Path] = (),
        is_warm: bool = False,
    ) -> None:
        orders = guardian.Orders(
            argv=list(argv),
            lock=str(lock),
            log=str(log),
            user=account.user if account else None,
            group=account.group if account else None,
            stop_signal=stop_signal,
            grace_s=grace_s,
            detached=detached,
            remove=[str(path) for path in remove],
        )
        self._stop_signal = stop_signal
        self._grace_s = grace_s
        announced, announcing = os.pipe()
        try:
            self._guardian = _guardian(orders, env, announcing, is_warm=is_warm)
        finally:
            os.close(announcing)
        with open(announced) as announcement:  # noqa: PTH123 - a pipe
            self.pid = int(announcement.readline() or 0)
        if detached:
            self._guardian.wait()
        self._is_detached = detached

    @property
    def is_running(self) -> bool:
        """
        Whether it runs now.
        """
        if not self._is_detached:
            return self.returncode is None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def returncode(self) -> int | None:
        """
        None while it runs; negative after a signal. Not known of a detached process.
        """
        code = self._guardian.poll()
        return None if code is None else _as_popen_tells(code)

    def signal(self, signal_: signal.Signals) -> None:
        """
        Send a signal, unless it has ended.
        """
        # It may have ended a moment before its guardian tells.
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal_)

    def wait(self, within_s: float = _GRACE_S) -> int:
        """
        Its return code, once it has ended.
        """
        return _as_popen_tells(self._guardian.wait(within_s))

    def stop(self) -> int:
        """
        Tell it to end, and insist after ``grace_s``. Returns its return code.
        """
        self.signal(signal.SIGCONT)
        self.signal(self._stop_signal)
        try:
            return self.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """
        End it at once, by ``kill -9``.
        """
        self.signal(signal.SIGKILL)
        return self.wait()


def _guardian(
    orders: guardian.Orders, env: Mapping[str, str] | None, announcing: int, *, is_warm: bool
) -> "subprocess.Popen[bytes] | WarmProcess":
    given = os.environ if env is None else env
    if is_warm and can_be_warm(orders["argv"], given):
        return WarmProcess(orders["argv"], env=given, orders=orders, stdout=announcing)
    return subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-I", "-S", guardian.__file__, json.dumps(orders)],
        stdin=subprocess.DEVNULL,
        stdout=announcing,
        start_new_session=True,
        env=env,
    )


def _as_popen_tells(code: int) -> int:
    return code if code <= 128 else 128 - code

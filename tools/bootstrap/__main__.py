"""
``python -m tools.bootstrap run|dev``: afterwards ``.venv`` holds what the lock files say.

Does nothing, quickly, when it holds that already. ``BOOTSTRAP_INSTALLER=pip`` leaves uv aside.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.bootstrap.checkout import Checkout, Level
from tools.bootstrap.environment import Environment, Stamp
from tools.bootstrap.installers import InstallationFailed, Pip, Uv

NO_NETWORK = (
    "The packages could not be downloaded: no way to the package index."
    " Check the network (or the proxy: HTTPS_PROXY, PIP_INDEX_URL) and run make again."
)


def main(arguments: list[str]) -> int:
    """
    The exit code: 0 when the environment is ready.
    """
    level = Level(arguments[0]) if arguments else Level.DEV
    checkout = Checkout(Path(__file__).resolve().parents[2])
    try:
        with alone(checkout):
            bring_in_step(checkout, level)
    except InstallationFailed as failure:
        print(NO_NETWORK if failure.is_network else failure.output.strip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: the next make starts .venv anew.", file=sys.stderr)
        return 130
    return 0


def bring_in_step(checkout: Checkout, level: Level) -> None:
    """
    Installs what differs from the lock files, or everything when the environment is unusable.
    """
    environment = Environment(checkout.environment)
    stamp = usable_stamp(checkout, environment)
    if stamp is not None and stamp.level.includes(level):
        level = stamp.level
    wanted = Stamp.wanted(checkout, level, stamp.python if stamp else running_version())
    if stamp == wanted:
        return
    started_at = time.monotonic()
    if stamp is None:
        say(f"Making .venv with Python {running_version()} ({sys.executable})")
        environment.rebuild()
    environment.clear_stamp()
    install(checkout, environment, level)
    environment.set_stamp(wanted)
    say(f".venv is ready ({time.monotonic() - started_at:.0f} s)")


def usable_stamp(checkout: Checkout, environment: Environment) -> Stamp | None:
    """
    The environment's stamp if it can be built upon: finished, made here, by the Python asked for.
    """
    stamp = environment.stamp()
    if stamp is None or stamp.root != str(checkout.root):
        return None
    if os.environ.get("PYTHON") and stamp.python != running_version():
        return None
    return stamp if stamp.python == environment.python_version() else None


def install(checkout: Checkout, environment: Environment, level: Level) -> None:
    """
    Installs by uv; when uv itself cannot be had or fails for a reason of its own, by pip.
    """
    pip = Pip(checkout, environment)
    if os.environ.get("BOOTSTRAP_INSTALLER") == pip.name:
        install_by(pip, checkout, level)
        return
    try:
        install_by(Uv(checkout, environment), checkout, level)
    except InstallationFailed as failure:
        if failure.is_network:
            raise
        say(f"uv could not do it, trying pip. It said:\n{failure.output.strip()}")
        install_by(pip, checkout, level)


def install_by(installer: Uv | Pip, checkout: Checkout, level: Level) -> None:
    """
    The pinned packages first, since they build the house's own.
    """
    say(f"Installing {checkout.lock_file(level).name} by {installer.name}")
    installer.install_locked(level)
    if checkout.distributions():
        installer.install_distributions()


@contextmanager
def alone(checkout: Checkout) -> Iterator[None]:
    """
    Keeps a second make waiting until the first has finished with the environment.
    """
    folder = os.open(checkout.root / "tools", os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is preparing .venv: waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def running_version() -> str:
    """
    The version (``3.11``) of the Python that runs this.
    """
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def say(line: str) -> None:
    """
    Prints at once, for whoever waits.
    """
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""
One server for a whole run of tests, also when several worker processes share the work.

The first who wants it starts it; everyone holds a lock while they want it; the last one out leaves
no lock behind, and so the guardian ends the server. Killed workers count as gone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from servicekit.testing.guarded import exclusive_lock, shared_lock


@contextmanager
def shared_server(
    run_folder: Path, name: str, start: Callable[[Path, Path], Path]
) -> Iterator[Path]:
    """
    The folder of the run's one server of this name.

    ``start(lock, address)`` starts it under a guardian that watches ``lock`` and removes
    ``address``, a file that says where the server is, when it ends.
    """
    lock = run_folder / f"{name}.users"
    address = run_folder / f"{name}.address"
    with exclusive_lock(run_folder / f"{name}.starting"):
        # Waits while a guardian is ending the last one.
        wanted = shared_lock(lock)
        wanted.__enter__()
        if not address.exists():
            address.write_text(str(start(lock, address)))
    try:
        yield Path(address.read_text())
    finally:
        wanted.__exit__(None, None, None)

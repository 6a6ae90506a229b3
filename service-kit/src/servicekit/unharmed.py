"""
Where work may fail in any way, and whoever asked for it goes on: loops of workers, and those who only watch.

::

    with unharmed("saga.attempt_failed", work=work.id):
        return await deed(work)
    return Unknown("INTERNAL")

What ends the task or the process goes on its way: being cancelled is no failure.
"""

from collections.abc import Callable
from functools import partial
from types import TracebackType

import structlog

log = structlog.get_logger()


class Unharmed:
    """
    Whatever fails inside is told to ``tell``, and ends there; errors of the kind ``but`` do not.
    """

    __slots__ = ("_but", "_tell")

    def __init__(
        self,
        tell: Callable[[Exception], object],
        *,
        but: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        self._tell = tell
        self._but = but

    def __enter__(self) -> None:
        """
        Nothing is needed before.
        """

    # The one place that takes any error for whoever goes on: a loop that ends by a mistake in one
    # piece of work ends all the others, too, and nobody would notice.
    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, self._but):
            return False
        self._tell(error)
        return True


def unharmed(event: str, **facts: object) -> Unharmed:
    """
    Whatever fails inside is logged as ``event`` with its traceback, and ends there.
    """
    return Unharmed(partial(_log, event, facts))


def _log(event: str, facts: dict[str, object], error: Exception) -> None:
    log.error(event, exc_info=error, **facts)

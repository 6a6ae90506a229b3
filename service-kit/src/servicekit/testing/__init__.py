"""
What tests of any service stand on: real servers, a clock that is set by hand, and polling.

The fixtures are listed in ``fixtures``. What tests import::

    from servicekit.testing import FakeClock, eventually, serve, serve_process

Each name is imported when it is asked for: pytest loads this package before coverage starts.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servicekit.testing.clock import FakeClock
    from servicekit.testing.polling import eventually, unused_port
    from servicekit.testing.serving import ServedProcess, serve, serve_process

__all__ = ["FakeClock", "ServedProcess", "eventually", "serve", "serve_process", "unused_port"]

_HOMES = {
    "FakeClock": "clock",
    "ServedProcess": "serving",
    "eventually": "polling",
    "serve": "serving",
    "serve_process": "serving",
    "unused_port": "polling",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"servicekit.testing.{_HOMES[name]}"), name)

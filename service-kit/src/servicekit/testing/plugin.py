"""
The pytest plugin of the house: real servers for tests, started when a test asks for one.

``pyproject.toml`` loads it for every run, before coverage starts. So nothing of the kit is imported
here; what it has to offer stands in ``fixtures``, ``leaping`` and ``real_time``.
"""

import asyncio
from collections.abc import Callable, Mapping

import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_configure(config: pytest.Config) -> None:
    """
    Hand over the fixtures, now that coverage has started.
    """
    config.addinivalue_line(
        "markers", "leaping_time: waits for no timer (servicekit.testing.leaping)"
    )
    config.addinivalue_line(
        "markers", "real_time: measures the machine as well (servicekit.testing.real_time)"
    )
    config.pluginmanager.import_plugin("servicekit.testing.fixtures")
    config.pluginmanager.import_plugin("servicekit.testing.real_time")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """
    The loop that a test runs in: one that leaps where it is marked so.
    """
    if item.get_closest_marker("leaping_time") is None:
        return {"real": asyncio.new_event_loop}
    from servicekit.testing.leaping import LeapingLoop  # noqa: PLC0415 - nothing before coverage

    return {"leaping": LeapingLoop}

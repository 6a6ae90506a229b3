"""
The pytest plugin of the house: real servers for tests, started when a test asks for one.

``pyproject.toml`` loads it for every run, before coverage starts. So nothing of the kit is imported
here; what it has to offer stands in ``fixtures``.
"""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """
    Hand over the fixtures, now that coverage has started.
    """
    config.pluginmanager.import_plugin("servicekit.testing.fixtures")

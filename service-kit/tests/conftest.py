"""
What all of the kit's tests share.
"""

import sys

import pytest

from servicekit import logs


@pytest.fixture(autouse=True, scope="session")
def _logs() -> None:
    """
    Lines are written as in production, where pytest shows them beside a failure.
    """
    logs.configure(log_format="json", log_level="INFO", service="test", stream=sys.__stderr__)

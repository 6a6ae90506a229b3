"""
What the kit's integration tests share.
"""

import pytest
from calling import Calling, call


@pytest.fixture
def calling() -> Calling:
    """
    A client of an application that has been started as a server would start it.
    """
    return call

"""
Whether what is measured can be started, from a checkout in which nothing was run before.
"""

import urllib.request

from bench.gateway.backends import stubs
from bench.gateway.subjects import OURS, gateways


def test_the_gateway_that_is_measured_answers_from_the_stubs() -> None:
    """
    It brings what it needs with it, orders included, and reads products from both backends.
    """
    with stubs() as backends, gateways(backends, OURS) as subjects:
        url = f"{subjects.programs[OURS].url}/api/v1/products/TEST-001"

        with urllib.request.urlopen(url, timeout=60) as answer:
            body = answer.read()

        assert b'"complete":true' in body
        assert backends.calls() == 2

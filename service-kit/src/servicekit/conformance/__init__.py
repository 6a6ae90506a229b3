"""
Checks that a running service behaves as every service of this house must.

It looks at the service from outside, over a real port, whatever it is written
in::

    python -m servicekit.conformance http://127.0.0.1:8003 --token-env TOKEN --pid 4711

and in a service's own tests, where each check is a test of its own::

    @pytest.mark.parametrize("check", checks(ends_service=False), ids=str)
    async def test_conforms(check: Check, target: Target) -> None:
        await check.verify(target)

Checks with ``ends_service=True`` stop the process: give each a service of its own.
``table`` lists all checks; each says in its ``mend`` what to add to a service
that fails it. Look at test instances only: the suite sends hostile requests.
"""

from servicekit.conformance.check import Check, Skipped, Unkept
from servicekit.conformance.report import Outcome, Report, Result
from servicekit.conformance.runner import UnknownCheck, Unreachable, run
from servicekit.conformance.table import CHECKS, checks
from servicekit.conformance.target import Stoppable, Target

__all__ = [
    "CHECKS",
    "Check",
    "Outcome",
    "Report",
    "Result",
    "Skipped",
    "Stoppable",
    "Target",
    "Unkept",
    "UnknownCheck",
    "Unreachable",
    "checks",
    "run",
]

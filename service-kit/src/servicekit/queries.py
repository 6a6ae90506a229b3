"""
What a query may say, beyond what the types of a route's parameters tell.
"""

from collections import Counter
from collections.abc import Collection

from starlette.requests import Request

from servicekit.errors import InvalidRequest, Problem


def check_said_once(request: Request, *, but: Collection[str] = ()) -> None:
    """
    Raise InvalidRequest where a value was given twice: the last would count, and nobody be told.

    Names in ``but`` may be repeated.
    """
    names = Counter(name for name, _ in request.query_params.multi_items() if name not in but)
    problems = [
        Problem(f"query.{name}", "may stand only once") for name, n in names.items() if n > 1
    ]
    if problems:
        raise InvalidRequest("The query cannot be accepted.", problems=problems)

"""
Which names a query may have: a filter with a typo must not look like one that found nothing.
"""

from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.requests import Request

from servicekit.errors import InvalidRequest, Problem


def check_query_names(request: Request, known: Collection[str] = ()) -> None:
    """
    Raise InvalidRequest, naming every name of the query that is not known or stands more than once.
    """
    query: bytes = request.scope["query_string"]
    if not query:
        return
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    told = ", ".join(sorted(known)) or "none"
    problems = [
        Problem(f"query.{name[:64]}", f"is not known here; known are: {told}")
        for name in dict.fromkeys(names)
        if name not in known
    ]
    problems += [
        Problem(f"query.{name}", "may stand only once")
        for name in sorted(known)
        if names.count(name) > 1
    ]
    if problems:
        raise InvalidRequest("The query cannot be accepted.", problems=problems[:20])

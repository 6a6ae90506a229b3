"""
Passes on what identity refuses: what is wrong is the person's to mend, so they are told as identity tells it.

Only a refusal in the shape of our services is passed on. Anything else with a 4xx says that
the gateway asked wrongly or asked somebody else; that stays a fault behind us (502).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pydantic import JsonValue

from servicekit.errors import (
    AuthError,
    Forbidden,
    InvalidRequest,
    MalformedRequest,
    RateLimited,
    StorefrontError,
    UpstreamRefused,
)

#: Status and code as identity tells them -> the error of ours that says the same.
_SAME: Final[Mapping[tuple[int, str], Callable[[str], StorefrontError]]] = {
    (400, "INVALID_REQUEST"): MalformedRequest,
    (401, "AUTH_ERROR"): AuthError,
    (403, "FORBIDDEN"): Forbidden,
    (422, "INVALID_REQUEST"): InvalidRequest,
}


@contextmanager
def passed_on() -> Iterator[None]:
    """
    What identity refuses inside is refused in its words.
    """
    try:
        yield
    except UpstreamRefused as refusal:
        if (same := _same(refusal)) is None:
            raise
        raise same from refusal


def _same(refusal: UpstreamRefused) -> StorefrontError | None:
    said = (refusal.upstream_status, refusal.upstream_code or "")
    if said == (429, "RATE_LIMIT"):
        return RateLimited(retry_after_s=_seconds(refusal.facts.get("retryAfterSeconds")))
    if refusal.reason is None or said not in _SAME:
        return None
    error = _SAME[said](refusal.reason)
    error.details.update(refusal.facts)
    return error


def _seconds(told: JsonValue) -> float:
    return float(told) if isinstance(told, int | float) and told > 0 else 1.0

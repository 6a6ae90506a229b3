"""
In which form a report is given: as its address says, or as the client says that it takes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.reports.errors import NotAcceptable

Form = Literal["json", "csv"]

#: Whom errors are told as problems reads JSON.
_MEDIA_TYPES: Final[dict[str, Form]] = {
    "application/json": "json",
    "application/problem+json": "json",
    "text/csv": "csv",
}
OFFERED: Final = ("application/json", "text/csv")


@dataclass(frozen=True, slots=True)
class _Range:
    """
    A media range of an Accept header (RFC 9110, section 12.5.1).
    """

    type: str
    quality: float

    @property
    def weight(self) -> int:
        """
        How precise it is: the most precise one counts.
        """
        return 0 if self.type == "*/*" else 1 if self.type.endswith("/*") else 2

    def holds(self, media_type: str) -> bool:
        """
        Whether ``media_type`` is meant by it.
        """
        return self.type in {media_type, "*/*", f"{media_type.partition('/')[0]}/*"}


def form_of(asked: Form | None, accept: Sequence[str]) -> Form:
    """
    The form: ``asked`` counts more than the lines of ``accept``; JSON where the client takes both
    alike. Raises NotAcceptable.
    """
    if asked is not None:
        return asked
    ranges = [*_ranges(accept)]
    if not ranges:
        return "json"
    best = max(_MEDIA_TYPES, key=lambda media_type: _quality(media_type, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptable(OFFERED)
    return _MEDIA_TYPES[best]


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    meant = [one for one in ranges if one.holds(media_type)]
    return max(meant, key=lambda one: one.weight).quality if meant else 0


def _ranges(accept: Sequence[str]) -> Iterable[_Range]:
    for part in ",".join(accept).lower().split(","):
        media_range, *parameters = [piece.strip() for piece in part.split(";")]
        if media_range:
            yield _Range(media_range, _quality_of(parameters))


def _quality_of(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0
    return 1

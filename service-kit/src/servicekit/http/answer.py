"""
What came back from an upstream, read to its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


class Headers(Mapping[str, str]):
    """
    Headers as they came, to be asked for in any case: most answers are used without a look at them.

    What was told several times is joined by commas (RFC 9110, section 5.3).
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        values = [value for told, value in self._raw if told.decode("latin-1").lower() == wanted]
        if not values:
            raise KeyError(name)
        return b", ".join(values).decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(told.decode("latin-1").lower() for told, _ in self._raw))

    def __len__(self) -> int:
        return len({told.lower() for told, _ in self._raw})


@dataclass(slots=True)
class Received:
    """
    An answer of any status, as it was received.
    """

    status: int
    headers: Headers
    content: bytes

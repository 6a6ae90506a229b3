"""
A source of values for batchers, which a test holds up and lets go.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from servicekit import deadline
from servicekit.correlation import Correlation, current


@dataclass
class FetchCall:
    """
    One call that arrived, waiting for its answer.
    """

    keys: list[str]
    answer: asyncio.Future[Mapping[str, str | Exception]]
    correlation: Correlation | None
    deadline_at: float | None
    cancelled: bool = False

    def succeed(self) -> None:
        """
        Answer every key with its own name in capitals.
        """
        self.answer.set_result({key: key.upper() for key in self.keys})


@dataclass
class Source:
    """
    Remembers every call; holds it until told otherwise, unless ``is_open``.
    """

    is_open: bool = False
    calls: list[FetchCall] = field(default_factory=list)

    async def __call__(self, keys: Sequence[str]) -> Mapping[str, str | Exception]:
        call = FetchCall(
            keys=list(keys),
            answer=asyncio.get_running_loop().create_future(),
            correlation=current(),
            deadline_at=deadline.expires_at(),
        )
        self.calls.append(call)
        if self.is_open:
            call.succeed()
        try:
            return await call.answer
        except asyncio.CancelledError:
            call.cancelled = True
            raise


async def turns(n: int = 3) -> None:
    """
    Let the event loop go round ``n`` times.
    """
    for _ in range(n):
        await asyncio.sleep(0)

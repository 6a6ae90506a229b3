"""
What may become of a call to a fake upstream, and in what order a test wants it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

Answer = Callable[[httpx.Request], httpx.Response]

_CODES: Final = {
    401: "AUTH_ERROR",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    422: "INVALID_REQUEST",
    429: "RATE_LIMIT",
    500: "INTERNAL",
    503: "SERVICE_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass
class Held:
    """
    A call that gets its good answer once the test says ``release``; until then, nothing happens.
    """

    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _n_waiting: int = 0

    @property
    def has_come(self) -> bool:
        """
        Somebody waits here now.
        """
        return self._n_waiting > 0

    def release(self) -> None:
        """
        Let it be answered, and every later one that this holds.
        """
        self._released.set()

    async def wait(self) -> None:
        """
        Until then.
        """
        self._n_waiting += 1
        try:
            await self._released.wait()
        finally:
            self._n_waiting -= 1


@dataclass
class Late:
    """
    A call that its caller gives up, and that the network delivers once the test says ``arrive``.
    """

    _on_the_way: list[tuple[Answer, httpx.Request]] = field(default_factory=list)

    def arrive(self) -> list[httpx.Response]:
        """
        Carry out what was given up meanwhile; the answers that nobody reads.
        """
        delivered, self._on_the_way = self._on_the_way, []
        return [answer(request) for answer, request in delivered]

    def keep(self, answer: Answer, request: httpx.Request) -> None:
        """
        Give one up.
        """
        self._on_the_way.append((answer, request))


@dataclass(frozen=True, slots=True)
class After:
    """
    A call that is carried out, and whose answer meets ``fault`` on its way back: another status,
    other bytes, an error, a hold, or whatever a function makes of it.
    """

    fault: int | bytes | Exception | Held | Callable[[httpx.Response], httpx.Response]


#: A status with an error of our shape; the bytes of a 200; an error of the network; a good answer
#: that is held back, comes too late or is spoilt; or whatever a function answers.
Fault = int | bytes | Exception | Held | Late | After | Answer


def lost() -> After:
    """
    A call that is carried out, and whose answer never comes.
    """
    return After(httpx.ReadTimeout("the answer was lost"))


def refused(status: int, code: str, **details: object) -> Answer:
    """
    A fault: no, for this reason. Nothing is done.
    """
    return lambda _request: error_answer(status, code, "As the test says.", details)


def telling(change: Callable[[dict[str, Any]], object]) -> After:
    """
    A call that is carried out, and whose answer is told with a ``change`` made in it.
    """

    def told(good: httpx.Response) -> httpx.Response:
        answer = good.json()
        change(answer)
        return json_answer(answer, good.status_code)

    return After(told)


class Faults:
    """
    What the calls that come next meet, and what all of them meet.
    """

    def __init__(self) -> None:
        self._next: deque[Fault | None] = deque()
        self._always: Fault | None = None
        self._is_hit: Callable[[httpx.Request], bool] = _is_any

    def fail_next(self, *faults: Fault | None) -> None:
        """
        The next calls meet these, one each; None is a good answer. Then all is well again.
        """
        self._next.extend(faults)

    def fail_always(
        self, fault: Fault, *, where: Callable[[httpx.Request], bool] | None = None
    ) -> None:
        """
        Every call, or every one that ``where`` picks, meets this, until ``recover``.
        """
        self._always, self._is_hit = fault, where or _is_any

    def recover(self) -> None:
        """
        From now on all is well.
        """
        self._next.clear()
        self._always = None

    def fault_of(self, request: httpx.Request) -> Fault | None:
        """
        What this call meets.
        """
        if self._next:
            return self._next.popleft()
        return self._always if self._is_hit(request) else None


class Operation(Faults):
    """
    One of the things that a fake upstream does, which falls ill by itself and is counted by itself.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        #: Every request that came, the oldest first.
        self.asked: list[httpx.Request] = []

    @property
    def calls(self) -> int:
        """
        How many requests came, repeated ones too.
        """
        return len(self.asked)

    @property
    def keys(self) -> Counter[str]:
        """
        How many came with each idempotency key; without one, under "".
        """
        return Counter(request.headers.get("Idempotency-Key", "") for request in self.asked)

    @property
    def bodies(self) -> list[dict[str, object]]:
        """
        What came in each.
        """
        return [orjson.loads(request.content) for request in self.asked]


async def met(fault: Fault | None, answer: Answer, request: httpx.Request) -> httpx.Response:
    """
    What comes of a call that would get ``answer`` if all were well.
    """
    match fault:
        case None:
            return answer(request)
        case Held() as held:
            await held.wait()
            return answer(request)
        case Late() as late:
            late.keep(answer, request)
            raise httpx.ReadTimeout("no answer in time", request=request)
        case After(what):
            return await _spoilt(what, answer(request))
        case int() | bytes() | Exception():
            return _instead(fault)
        case _:
            return fault(request)


async def _spoilt(
    fault: int | bytes | Exception | Held | Callable[[httpx.Response], httpx.Response],
    good: httpx.Response,
) -> httpx.Response:
    match fault:
        case Held() as held:
            await held.wait()
            return good
        case int() | bytes() | Exception():
            return _instead(fault)
        case _:
            return fault(good)


def _instead(fault: int | bytes | Exception) -> httpx.Response:
    match fault:
        case int():
            return error_answer(fault, _CODES.get(fault, "INTERNAL"), "As the test says.")
        case bytes():
            return httpx.Response(200, content=fault)
        case Exception():
            raise fault


def json_answer(content: object, status: int = 200) -> httpx.Response:
    """
    An answer as our services give it.
    """
    headers = {"Content-Type": "application/json"}
    return httpx.Response(status, headers=headers, content=orjson.dumps(content))


def error_answer(
    status: int, code: str, message: str, details: Mapping[str, object] | None = None
) -> httpx.Response:
    """
    An error as our services tell it.
    """
    error = {"code": code, "message": message} | ({"details": details} if details else {})
    return json_answer({"error": error, "request_id": "fake"}, status)


def _is_any(_request: httpx.Request) -> bool:
    return True

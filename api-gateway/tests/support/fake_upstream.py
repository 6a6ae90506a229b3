"""
What fakes of upstreams have in common: they answer over respx, fail as a test says, and keep what
they were asked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx
import orjson
import respx


@dataclass
class Held:
    """
    A call that gets its good answer once the test says ``release``.
    """

    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """
        Let it be answered, and every later one that this holds.
        """
        self._released.set()

    async def wait(self) -> None:
        """
        Until then.
        """
        await self._released.wait()


#: A status with an error of our shape; the bytes of a 200; an error of the network; a good answer
#: that is held back; or whatever a function answers.
Fault = int | bytes | Exception | Held | Callable[[httpx.Request], httpx.Response]


class FakeUpstream:
    """
    Answers at ``network`` what ``routes`` say by path, unless a fault stands before it.
    """

    def __init__(self, routes: dict[str, Callable[[httpx.Request], httpx.Response]]) -> None:
        #: Every request that came, the oldest first.
        self.asked: list[httpx.Request] = []
        self._next: deque[Fault | None] = deque()
        self._always: Fault | None = None
        self._is_hit: Callable[[httpx.Request], bool] = _is_any
        router = respx.Router(assert_all_called=False, assert_all_mocked=False)
        for path, answer in routes.items():
            router.get(path=path).mock(side_effect=self._guarded(answer))
        router.route().mock(side_effect=self._guarded(_no_such_address))
        self.network: httpx.AsyncBaseTransport = httpx.MockTransport(router.async_handler)

    @property
    def calls(self) -> int:
        """
        How many requests came, repeated ones too.
        """
        return len(self.asked)

    @property
    def asked_ids(self) -> list[list[str]]:
        """
        The ids of each request that asked for some.
        """
        given = [request.url.params.get("ids") for request in self.asked]
        return [ids.split(",") for ids in given if ids is not None]

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

    def _guarded(
        self, answer: Callable[[httpx.Request], httpx.Response]
    ) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
        async def guarded(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            always = self._always if self._is_hit(request) else None
            match self._next.popleft() if self._next else always:
                case None:
                    return answer(request)
                case Held() as held:
                    await held.wait()
                    return answer(request)
                case fault:
                    return _faulty(fault, request)

        return guarded


def instead(answer: Callable[[httpx.Request], httpx.Response], **params: str) -> Fault:
    """
    A fault: ``answer`` to a request with other parameters than those that were sent.
    """

    def answered(request: httpx.Request) -> httpx.Response:
        changed = request.url.copy_merge_params(params)
        return answer(httpx.Request(request.method, changed))

    return answered


def json_answer(content: object, status: int = 200) -> httpx.Response:
    """
    An answer as our services give it.
    """
    headers = {"Content-Type": "application/json"}
    return httpx.Response(status, headers=headers, content=orjson.dumps(content))


def error_answer(
    status: int, code: str, message: str, details: dict[str, object] | None = None
) -> httpx.Response:
    """
    An error as our services tell it.
    """
    error = {"code": code, "message": message} | ({"details": details} if details else {})
    return json_answer({"error": error, "request_id": "fake"}, status)


def invalid(*fields: str) -> httpx.Response:
    """
    The answer to parameters that cannot be taken.
    """
    problems = [{"field": f"query.{name}", "problem": "is not valid"} for name in fields]
    details: dict[str, object] = {"problems": problems}
    return error_answer(422, "INVALID_REQUEST", "The request is not valid.", details)


def wrong_params(request: httpx.Request, known: Sequence[str]) -> list[str]:
    """
    What is asked for and nobody knows: a client of ours has misspelt it.
    """
    return [name for name in request.url.params if name not in known]


def _is_any(_request: httpx.Request) -> bool:
    return True


def _no_such_address(_request: httpx.Request) -> httpx.Response:
    return error_answer(404, "NOT_FOUND", "There is no such address.", {"what": "address"})


_CODES = {
    401: "AUTH_ERROR",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    422: "INVALID_REQUEST",
    429: "RATE_LIMIT",
    500: "INTERNAL",
    503: "SERVICE_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _faulty(
    fault: int | bytes | Exception | Callable[[httpx.Request], httpx.Response],
    request: httpx.Request,
) -> httpx.Response:
    match fault:
        case int():
            return error_answer(fault, _CODES.get(fault, "INTERNAL"), "As the test says.")
        case bytes():
            return httpx.Response(200, content=fault)
        case Exception():
            raise fault
        case _:
            return fault(request)

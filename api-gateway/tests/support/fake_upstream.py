"""
What fakes of upstreams have in common: they answer over respx, fail as a test says, and keep what
they were asked.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import respx
from fake_faults import Answer, Fault, Faults, Operation, error_answer, json_answer, met

__all__ = [
    "FakeUpstream",
    "are_items",
    "instead",
    "invalid",
    "is_order",
    "json_answer",
    "wrong_params",
]

_IS_ORDER: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch
_IS_PRODUCT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch


class FakeUpstream(Faults):
    """
    Answers at ``network`` what ``routes`` say by path, and does by path what ``operations`` say, which
    are known by names as well. A fault stands before all of it, and each operation has its own.
    """

    def __init__(
        self,
        routes: Mapping[str, Answer],
        operations: Mapping[str, tuple[str, Answer]] | None = None,
    ) -> None:
        super().__init__()
        #: Every request that came, the oldest first.
        self.asked: list[httpx.Request] = []
        self._operations: dict[str, Operation] = {}
        router = respx.Router(assert_all_called=False, assert_all_mocked=False)
        for path, answer in routes.items():
            router.get(path=path).mock(side_effect=self._guarded(Operation(answer)))
        for name, (path, answer) in (operations or {}).items():
            self._operations[name] = Operation(answer)
            router.post(path=path).mock(side_effect=self._guarded(self._operations[name]))
        router.route().mock(side_effect=self._guarded(Operation(_no_such_address)))
        self.network: httpx.AsyncBaseTransport = httpx.MockTransport(router.async_handler)

    def on(self, name: str) -> Operation:
        """
        One of its operations.
        """
        return self._operations[name]

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

    def _guarded(
        self, operation: Operation
    ) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
        async def guarded(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            operation.asked.append(request)
            fault = self.fault_of(request)
            if fault is None:
                fault = operation.fault_of(request)
            return await met(fault, operation.answer, request)

        return guarded


def instead(answer: Answer, **params: str) -> Fault:
    """
    A fault: ``answer`` to a request with other parameters than those that were sent.
    """

    def answered(request: httpx.Request) -> httpx.Response:
        changed = request.url.copy_merge_params(params)
        return answer(httpx.Request(request.method, changed))

    return answered


def invalid(*fields: str, part: str = "query") -> httpx.Response:
    """
    The answer to parameters that cannot be taken, or to fields of the ``body``.
    """
    problems = [{"field": f"{part}.{name}", "problem": "is not valid"} for name in fields]
    details: dict[str, object] = {"problems": problems}
    return error_answer(422, "INVALID_REQUEST", "The request is not valid.", details)


def wrong_params(request: httpx.Request, known: Sequence[str]) -> list[str]:
    """
    What is asked for and nobody knows: a client of ours has misspelt it.
    """
    return [name for name in request.url.params if name not in known]


def is_order(order_id: str) -> bool:
    """
    Whether an order may be called so.
    """
    return _IS_ORDER(order_id) is not None


def are_items(items: Sequence[Mapping[str, Any]]) -> bool:
    """
    Whether an order may ask for these: 1 to 100 products, each once, and some of each.
    """
    products = [item["productId"] for item in items]
    return (
        1 <= len(products) <= 100
        and len({*products}) == len(products)
        and all(map(_IS_PRODUCT, products))
        and all(1 <= item["quantity"] <= 1_000_000 for item in items)
    )


def _no_such_address(_request: httpx.Request) -> httpx.Response:
    return error_answer(404, "NOT_FOUND", "There is no such address.", {"what": "address"})

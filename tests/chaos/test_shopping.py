"""
What a shopper does about a failure is what she wished to do, and all she is told is kept.
"""

from collections.abc import Iterable, Iterator

import httpx

from tests.chaos.shopping import Shopper, Told, Wish

CONFIRMED = httpx.Response(201, json={"orderId": "o1", "status": "CONFIRMED"})
ACCEPTED = httpx.Response(202, json={"orderId": "o1", "status": "PENDING"})
BUSY = httpx.Response(503, json={"error": {"code": "OVERLOADED", "details": {}}})
BROKEN = None


class Gateway:
    """
    Answers with what it was given, one after the other; None breaks the connection.
    """

    def __init__(self, answers: Iterable[httpx.Response | None]) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: Iterator[httpx.Response | None] = iter(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if answer is None:
            raise httpx.ReadError("broken", request=request)
        return httpx.Response(answer.status_code, json=answer.json(), headers=answer.headers)


async def told(wish: Wish, *answers: httpx.Response | None) -> tuple[Told, Gateway]:
    """
    What somebody with this wish was told, by a gateway that answers so.
    """
    gateway = Gateway(answers)
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway)) as client:
        shopper = Shopper(client, ["http://g"], "token", seed="s", answer_within_s=1.0)
        return await shopper.shop(wish), gateway


def wish(**facts: bool | int) -> Wish:
    """
    A wish for one piece.
    """
    return Wish(key="k", items={"P": 1}, **facts)  # type: ignore[arg-type]  # a test's own words


async def test_who_comes_back_asks_again_with_the_same_key_until_an_order_is_named() -> None:
    """
    Neither a broken connection nor a shop that is too busy is an end.
    """
    heard, gateway = await told(wish(), BROKEN, BUSY, CONFIRMED)

    assert [request.headers["Idempotency-Key"] for request in gateway.requests] == ["k"] * 3
    assert [answer.status for answer in heard.placed] == [503, 201]
    assert (heard.failures, heard.order_ids, heard.was_told_an_end) == (1, {"o1"}, True)


async def test_who_does_not_come_back_asks_once() -> None:
    """
    The shop has to manage without her.
    """
    heard, gateway = await told(wish(comes_back=False), BROKEN)

    assert len(gateway.requests) == 1
    assert (heard.placed, heard.failures, heard.was_told_an_end) == ([], 1, False)


async def test_an_accepted_order_is_followed_to_its_end() -> None:
    """
    After 202 she looks at the order until it has ended.
    """
    pending = httpx.Response(200, json={"orderId": "o1", "status": "PENDING"})
    ended = httpx.Response(200, json={"orderId": "o1", "status": "REJECTED"})

    heard, gateway = await told(wish(waits=False), ACCEPTED, pending, BROKEN, ended)

    assert gateway.requests[0].headers["Prefer"] == "respond-async"
    assert [answer.order_status for answer in heard.seen] == ["PENDING", "REJECTED"]


async def test_a_confirmed_order_is_cancelled_by_who_wants_that() -> None:
    """
    Again and again, until it is said to be done.
    """
    cancelled = httpx.Response(200, json={"orderId": "o1", "status": "CANCELLED"})

    heard, gateway = await told(wish(cancels=True), CONFIRMED, BROKEN, cancelled)

    assert [request.url.path for request in gateway.requests[1:]] == [
        "/api/v1/orders/o1/cancel",
        "/api/v1/orders/o1/cancel",
    ]
    assert heard.asked_to_cancel
    assert [answer.order_status for answer in heard.cancelled] == ["CANCELLED"]


async def test_copies_are_sent_with_one_key_and_their_answers_are_all_kept() -> None:
    """
    A replay is told from a first answer.
    """
    replay = httpx.Response(201, json=CONFIRMED.json(), headers={"Idempotency-Replayed": "true"})

    heard, gateway = await told(wish(copies=2), CONFIRMED, replay)

    assert {request.headers["Idempotency-Key"] for request in gateway.requests} == {"k"}
    assert sorted(answer.is_replay for answer in heard.placed) == [False, True]

"""
What a shopper wants, what she does when something fails, and what she was told.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

#: After this long even the most patient shopper leaves; s.
PATIENCE_S: Final = 60.0
_HANGS_UP_AFTER_S: Final = 0.02
#: Statuses that an order does not leave by itself, or that say that somebody must look.
TERMINAL: Final = ("CONFIRMED", "REJECTED", "FAILED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Wish:
    """
    An order that somebody wants.

    ``copies`` are sent at the same time with the same key. ``waits``: without, she is content with
    202. ``comes_back``: she asks again after a failure, with the same key; otherwise the shop has to
    manage without her. ``hangs_up``: she leaves as soon as she has asked.
    """

    key: str
    items: Mapping[str, int]
    codes: tuple[str, ...] = ()
    currency: str | None = None
    is_signed_in: bool = False
    copies: int = 1
    waits: bool = True
    comes_back: bool = True
    hangs_up: bool = False
    cancels: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """
        The request.
        """
        items = [{"productId": product, "quantity": count} for product, count in self.items.items()]
        body: dict[str, Any] = {"items": items, "discountCodes": list(self.codes)}
        return body | ({"currency": self.currency} if self.currency else {})


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a shopper was told.
    """

    status: int
    body: Mapping[str, Any]
    is_replay: bool = False

    @property
    def order_id(self) -> str | None:
        """
        The order that it is about, if it names one.
        """
        details = self._error.get("details") or {}
        return self.body.get("orderId") or details.get("orderId")

    @property
    def code(self) -> str | None:
        """
        The error's code, if it is one.
        """
        return self._error.get("code")

    @property
    def order_status(self) -> str | None:
        """
        The order's status, where the answer is an order.
        """
        return self.body.get("status")

    @property
    def _error(self) -> Mapping[str, Any]:
        return self.body.get("error") or {}


@dataclass(slots=True)
class Told:
    """
    All that a shopper was told about a wish. ``failures``: how often she got no answer.
    """

    wish: Wish
    placed: list[Answer] = field(default_factory=list)
    seen: list[Answer] = field(default_factory=list)
    cancelled: list[Answer] = field(default_factory=list)
    asked_to_cancel: bool = False
    failures: int = 0

    @property
    def order_ids(self) -> set[str]:
        """
        Every order that was named to her; more than one is one too many.
        """
        answers = [*self.placed, *self.seen, *self.cancelled]
        return {answer.order_id for answer in answers if answer.order_id}

    @property
    def was_told_an_end(self) -> bool:
        """
        Whether she knows what became of it.
        """
        return any(
            answer.order_status in TERMINAL or (answer.status >= 400 and answer.order_id)
            for answer in (*self.placed, *self.seen)
        )


class Shopper:
    """
    Carries wishes to a shop, at whichever of its addresses answers.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        urls: Sequence[str],
        token: str,
        *,
        seed: str,
        answer_within_s: float,
    ) -> None:
        self._client = client
        self._urls = urls
        self._token = token
        self._random = random.Random(seed)
        self._answer_within_s = answer_within_s

    async def shop(self, wish: Wish) -> Told:
        """
        Place the order, see it through as far as the wish goes, and tell what was heard.
        """
        told = Told(wish)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(self._place(wish, told) for _ in range(wish.copies)))
                if wish.comes_back and any(answer.status == 202 for answer in told.placed):
                    await self._follow(wish, told)
                if wish.cancels and _is_confirmed(told):
                    await self._cancel(wish, told)
        except TimeoutError:
            told.failures += 1
        return told

    async def _place(self, wish: Wish, told: Told) -> None:
        headers = {"Idempotency-Key": wish.key}
        if not wish.waits:
            headers["Prefer"] = "respond-async"
        while True:
            answer = await self._ask(wish, told, "POST", "", json=wish.body, headers=headers)
            if answer is not None:
                told.placed.append(answer)
                if not _is_worth_another_try(answer):
                    return
            if not wish.comes_back or wish.hangs_up:
                return
            await self._pause()

    async def _follow(self, wish: Wish, told: Told) -> None:
        order_id = next(iter(told.order_ids))
        while True:
            answer = await self._ask(wish, told, "GET", f"/{order_id}")
            if answer is not None:
                told.seen.append(answer)
                if answer.order_status in TERMINAL:
                    return
            await self._pause()

    async def _cancel(self, wish: Wish, told: Told) -> None:
        order_id = next(iter(told.order_ids))
        told.asked_to_cancel = True
        while True:
            answer = await self._ask(wish, told, "POST", f"/{order_id}/cancel")
            if answer is not None:
                told.cancelled.append(answer)
                if answer.status in (200, 202):
                    return
            if not wish.comes_back:
                return
            await self._pause()

    async def _ask(
        self,
        wish: Wish,
        told: Told,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """
        One request to one of the addresses; None where no answer came.
        """
        url = f"{self._random.choice(self._urls)}/api/v1/orders{path}"
        sent = {**(headers or {}), **self._authorization(wish)}
        is_placing = method == "POST" and not path
        timeout_s = _HANGS_UP_AFTER_S if wish.hangs_up and is_placing else self._answer_within_s
        try:
            answer = await self._client.request(
                method, url, json=json, headers=sent, timeout=timeout_s
            )
        except httpx.TransportError:
            told.failures += 1
            return None
        is_replay = answer.headers.get("Idempotency-Replayed") == "true"
        return Answer(answer.status_code, answer.json(), is_replay)

    def _authorization(self, wish: Wish) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if wish.is_signed_in else {}

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(0.05, 0.2))


def _is_worth_another_try(answer: Answer) -> bool:
    """
    Whether the shop could not even take the order: it names none.
    """
    return answer.status >= 500 and answer.order_id is None


def _is_confirmed(told: Told) -> bool:
    return any(answer.order_status == "CONFIRMED" for answer in (*told.placed, *told.seen))

"""
A crowd that reads the catalog over real sockets, times every answer, and checks every word of it.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from faulty_backend import price, product, product_id

from servicekit.deadline import DEADLINE_HEADER

API: Final = "/api/v1/products"
#: What is asked for again and again, so that the gateway has read it before: the first page.
KNOWN: Final = range(1, 21)
_FIRST_NEW: Final = 10_000
_PAUSE_S: Final = 0.005
_GIVE_UP_AFTER_S: Final = 10.0
#: What of a product comes from which service: name of the field -> name in the service's own words.
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "inventory": {name: name for name in product(1) if name != "id"},
    "pricing": {"price": "basePrice", "currency": "currency"},
}

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """
    What one asks; ``is_known`` when all of it was answered before.
    """

    method: str
    target: str
    numbers: Sequence[int]
    deadline_s: float
    is_known: bool
    body: bytes = b""

    @property
    def on_the_wire(self) -> bytes:
        """
        The request.
        """
        head = (
            f"{self.method} {self.target} HTTP/1.1\r\nHost: gateway\r\n"
            f"{DEADLINE_HEADER}: {round(self.deadline_s * 1000)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came, or the error that came instead. ``stood_still_s``: how long the processes of both
    sides were ready to run meanwhile and had no processor, as the system counts it.
    """

    question: Question
    began_at: float
    ended_at: float
    stood_still_s: float
    status: int
    body: bytes

    @property
    def is_complete(self) -> bool:
        """
        Everything was read now.
        """
        return self.status == 200 and json.loads(self.body)["complete"] is True

    @property
    def is_excused(self) -> bool:
        """
        It says that there was no time, and is right: the processes stood still for longer than the
        tenth of its time that the gateway keeps for answering.
        """
        return self.status == 504 and self.stood_still_s > self.question.deadline_s / 10

    def faults(self, *, late_s: float, statuses: frozenset[int]) -> Iterator[str]:
        """
        Every promise that it breaks, in a line. What was known before is always shown.
        """
        took_s = self.ended_at - self.began_at
        told = f"{self.question.method} {self.question.target}: status {self.status}"
        stood = f"after {took_s:.3f} s, of which it stood still for {self.stood_still_s:.3f}"
        if took_s - self.stood_still_s > self.question.deadline_s + late_s:
            yield f"{told} {stood}"
        allowed = frozenset({200}) if self.question.is_known else statuses
        if self.status not in allowed and not self.is_excused:
            yield f"{told} {stood}: {self.body[:200]!r}"
        if self.status == 200:
            yield from (f"{told}: {wrong}" for wrong in _wrong(self.question, self.body))


class Line:
    """
    A connection to the gateway, which must never close it: there is no second.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, question: Question) -> tuple[int, bytes]:
        """
        Status and body of the answer.
        """
        self._writer.write(question.on_the_wire)
        async with asyncio.timeout(_GIVE_UP_AFTER_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0]
            return int(head.split(" ", 2)[1]), await self._reader.readexactly(int(length))


class Crowd:
    """
    Callers who ask one question after the other. Each waits for its answer before the next.
    """

    def __init__(self, url: str, pid: int, *, callers: int, deadline_s: float) -> None:
        self._address = urlsplit(url)
        self._processes = ("self", str(pid))
        self._deadline_s = deadline_s
        self._callers = callers
        self._is_leaving = False
        self._numbers = itertools.count(_FIRST_NEW)
        self.answers: list[Answer] = []

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """
        They read while this is open; whoever is still waiting at its end gets his answer.
        """
        self._is_leaving = False
        async with asyncio.TaskGroup() as group:
            for caller in range(self._callers):
                group.create_task(self._read(caller))
            try:
                yield
            finally:
                self._is_leaving = True

    def has_answered(self, count: int) -> bool:
        """
        So many answers came.
        """
        return len(self.answers) >= count

    def asked_since(self, moment: float) -> list[Answer]:
        """
        The answers to what was asked after ``moment``.
        """
        return [answer for answer in self.answers if answer.began_at >= moment]

    def has_all_since(self, moment: float, *, rounds: int = 4) -> bool:
        """
        So much was asked and answered since then that each caller had his turn with each question.
        """
        return len(self.asked_since(moment)) >= rounds * self._callers

    async def _read(self, caller: int) -> None:
        async with self._line() as line:
            for turn in itertools.count(caller):
                if self._is_leaving:
                    return
                self.answers.append(await self._asked(line, self._question(turn)))
                await asyncio.sleep(_PAUSE_S)

    def _question(self, turn: int) -> Question:
        number, new = KNOWN[turn % len(KNOWN)], next(self._numbers)
        one, other = product_id(number), product_id(new)
        match turn % 4:
            case 0:
                return Question("GET", f"{API}/{one}", [number], self._deadline_s, is_known=True)
            case 1:
                return Question("GET", f"{API}/{other}", [new], self._deadline_s, is_known=False)
            case 2:
                page = f"{API}?size={len(KNOWN)}"
                return Question("GET", page, KNOWN, self._deadline_s, is_known=True)
            case _:
                numbers, body = [number, new], json.dumps({"productIds": [one, other]}).encode()
                check = f"{API}/bulk-check"
                return Question("POST", check, numbers, self._deadline_s, is_known=True, body=body)

    async def _asked(self, line: Line, question: Question) -> Answer:
        stood_still_s, began_at = self.stood_still_s(), time.monotonic()
        status, body = await line.ask(question)
        ended_at = time.monotonic()
        stood_still_s = self.stood_still_s() - stood_still_s
        return Answer(question, began_at, ended_at, stood_still_s, status, body)

    def stood_still_s(self) -> float:
        """
        How long the event loops of both sides have waited for a processor so far; 0 where nobody
        counts.
        """
        return sum(map(_waited_s, self._processes))

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()


def _wrong(question: Question, body: bytes) -> Iterator[str]:
    """
    What an answer says that is not so.
    """
    told = json.loads(body)
    lines: list[JsonObject] = told.get("items", [told])
    if question.method == "POST":
        ids = [line["productId"] for line in lines]
        views = [line["product"] for line in lines if line["product"] is not None]
        yield from (f"{line} is not missing" for line in lines if line["status"] == "missing")
    else:
        ids, views = [line["id"] for line in lines], lines
    if ids != [*map(product_id, question.numbers)]:
        yield f"told of {ids}"
    for view in views:
        yield from _wrong_of(view)


def _wrong_of(view: JsonObject) -> Iterator[str]:
    number = int(view["id"].removeprefix("P-"))
    right = {"inventory": product(number), "pricing": price(number)}
    lacks = {lack["part"]: lack for lack in view["unavailable"]}
    for part, fields in _PARTS.items():
        true = {field: right[part][name] for field, name in fields.items()}
        shown = {field: view[field] for field in fields}
        may_be_empty = part in lacks and number not in KNOWN
        if shown != true and not (may_be_empty and set(shown.values()) == {None}):
            yield f"{view['id']} shows {shown}, where {true} is right"
        if part in lacks and lacks[part]["reason"] == "NOT_FOUND":
            yield f"{view['id']} is said to have no {part}"


def _waited_s(process: str) -> float:
    """
    How long a process' first thread was ready to run and had no processor.
    """
    with suppress(FileNotFoundError):
        return int(Path("/proc", process, "schedstat").read_text().split()[1]) / 1e9
    return 0.0

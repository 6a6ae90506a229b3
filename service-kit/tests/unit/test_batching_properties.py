"""
The batcher's guarantees under any order of asking, leaving and answering.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from lookups import turns

from servicekit.batching import Batcher, NoAnswer

KEYS = "abcde"

ask = st.tuples(st.just("ask"), st.sampled_from(KEYS))
leave = st.tuples(st.just("leave"), st.integers(0, 30))
answer = st.tuples(st.just("answer"), st.integers(0, 3))
fail = st.tuples(st.just("fail"), st.integers(0, 3))
turn = st.tuples(st.just("turn"), st.just(0))
#: None, shorter than a story, and longer than any.
PAUSES = st.sampled_from([0.0, 0.0003, 600.0])
stories = st.lists(st.one_of(ask, ask, ask, leave, answer, answer, fail, turn), max_size=60)


class Failed(Exception):
    """
    What a whole call may fail with.
    """


@dataclass
class Asked:
    """
    One lookup, and the time at which it was made.
    """

    key: str
    at: int
    task: asyncio.Task[int]


@dataclass
class World:
    """
    A batcher, its source, and a clock that counts what happened. A value is the time it was read.
    """

    max_size: int
    max_in_flight: int
    patience_s: float = 0.0
    linger_s: float = 0.0
    now: int = 0
    on_the_wire: list[asyncio.Future[Mapping[str, int | Exception]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.batcher = Batcher[str, int](
            self.fetch,
            max_size=self.max_size,
            max_in_flight=self.max_in_flight,
            patience_s=self.patience_s,
            linger_s=self.linger_s,
        )

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, int | Exception]:
        self.now += 1
        self.check(keys)
        read = {key: self.now for key in keys if key != "e"}
        gate: asyncio.Future[Mapping[str, int | Exception]] = asyncio.Future()
        self.on_the_wire.append(gate)
        try:
            await gate
        finally:
            self.on_the_wire.remove(gate)
        return read

    def check(self, keys: Sequence[str]) -> None:
        if len(keys) > self.max_size or len(set(keys)) != len(keys):
            self.problems.append(f"a call for {keys}")
        if len(self.on_the_wire) >= self.max_in_flight:
            self.problems.append("too many calls at once")
        wanted = {asked.key for asked in self.asked if not asked.task.done()}
        if not wanted.issuperset(keys):
            self.problems.append(f"nobody waits for {set(keys) - wanted}")

    async def do(self, verb: str, what: str | int) -> None:
        self.now += 1
        if verb == "ask":
            task = asyncio.ensure_future(self.batcher.load(str(what)))
            self.asked.append(Asked(str(what), self.now, task))
        elif verb == "leave" and int(what) < len(self.asked):
            self.asked[int(what)].task.cancel()
        elif verb in {"answer", "fail"} and int(what) < len(self.on_the_wire):
            gate = self.on_the_wire[int(what)]
            if not gate.done():
                gate.set_result({}) if verb == "answer" else gate.set_exception(Failed())
        else:
            await asyncio.sleep(0)

    async def settle(self) -> None:
        while any(not asked.task.done() for asked in self.asked):
            await turns(2)
            for gate in self.on_the_wire:
                if not gate.done():
                    gate.set_result({})
        await turns()


async def live(story: list[tuple[str, str | int]], world: World) -> None:
    """
    Let ``story`` happen, and everything that it began come to its end.
    """
    for verb, what in story:
        await world.do(verb, what)
    async with asyncio.timeout(30):
        await world.settle()


@settings(max_examples=300, deadline=None)
@given(
    story=stories,
    max_size=st.integers(1, 3),
    max_in_flight=st.integers(1, 3),
    patience_s=PAUSES,
    linger_s=st.sampled_from([0.0, 0.0003]),
)
def test_guarantees_hold_whatever_happens(
    story: list[tuple[str, str | int]],
    max_size: int,
    max_in_flight: int,
    patience_s: float,
    linger_s: float,
) -> None:
    """
    Bounds hold, keys go once, nobody waits in vain, and each value was read after it was asked for.
    """

    async def run() -> None:
        world = World(max_size, max_in_flight, patience_s, linger_s)
        await live(story, world)

        assert world.problems == []
        for asked in world.asked:
            if asked.task.cancelled():
                continue
            error = asked.task.exception()
            if asked.key == "e":
                assert isinstance(error, NoAnswer | Failed)
            else:
                assert isinstance(error, Failed) or asked.task.result() > asked.at
        stats = world.batcher.stats()
        assert (stats.waiting, stats.in_flight) == (0, 0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(story=stories, close_after=st.integers(0, 60))
def test_closing_at_any_moment_ends_everything(
    story: list[tuple[str, str | int]], close_after: int
) -> None:
    """
    After a close no task and no waiter is left, whatever was going on.
    """

    async def run() -> None:
        world = World(2, 2)
        for verb, what in story[:close_after]:
            await world.do(verb, what)
        await world.batcher.aclose()
        for verb, what in story[close_after:]:
            await world.do(verb, what)
        await turns()

        assert all(asked.task.done() for asked in world.asked)
        for asked in world.asked:
            if not asked.task.cancelled():
                asked.task.exception()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


@settings(max_examples=50, deadline=None)
@given(keys=st.lists(st.sampled_from(KEYS), max_size=30), max_size=st.integers(1, 4))
def test_load_many_is_load_of_each(keys: list[str], max_size: int) -> None:
    """
    For any keys, repeated or not, each has its own answer in its own place.
    """

    async def fetch(asked: Sequence[str]) -> Mapping[str, str | Exception]:
        return {key: f"{key}!" for key in asked}

    async def run() -> None:
        batcher = Batcher[str, str](fetch, max_size=max_size, max_in_flight=2)
        assert await batcher.load_many(keys) == [f"{key}!" for key in keys]

    asyncio.run(run())

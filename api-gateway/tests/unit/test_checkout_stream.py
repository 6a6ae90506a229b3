"""
Streams of events, apart from orders.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from checkout_watcher import Watcher

from gateway.checkout.models import Event
from gateway.checkout.stream import EventStream, Streams
from servicekit.errors import Overloaded, ServiceUnavailable

_NOTHING: tuple[Sequence[Event], bool] = ((), False)
_LAST = Event("confirmed", datetime(2026, 1, 1, tzinfo=UTC), {}, 7)


class News:
    """
    Tells what a test has prepared, one thing after the other.
    """

    def __init__(self, *told: tuple[Sequence[Event], bool] | Exception) -> None:
        self._told = [*told]
        self.asked: list[int] = []

    async def __call__(self, after: int) -> tuple[Sequence[Event], bool]:
        self.asked.append(after)
        match self._told.pop(0):
            case Exception() as error:
                raise error
            case news:
                return news


async def _sent(news: News, *, keep_alive_s: float = 15, is_stopping: bool = False) -> Watcher:
    watcher = Watcher()
    stream = EventStream(
        _NOTHING,
        news,
        after=3,
        place=nullcontext,
        is_stopping=lambda: is_stopping,
        keep_alive_s=keep_alive_s,
    )
    await asyncio.wait_for(stream({"type": "http"}, watcher.receive, watcher.send), 30)
    return watcher


async def test_who_has_no_news_is_told_now_and_then_that_they_are_not_forgotten() -> None:
    """
    A comment, which clients leave out, keeps proxies from closing what is quiet.
    """
    watcher = await _sent(News(_NOTHING, ([_LAST], True)), keep_alive_s=0)

    assert watcher.body.startswith(b": still here\n\n")
    assert (watcher.names, watcher.is_over) == (["confirmed"], True)


async def test_news_are_asked_for_from_behind_the_last_that_were_told() -> None:
    """
    The number goes on with what was told, from the one that the client has named.
    """
    first = Event("accepted", _LAST.at, {}, 5)
    news = News(_NOTHING, ([first], False), ([_LAST], True))

    await _sent(news)

    assert news.asked == [3, 3, 5]


async def test_a_stream_ends_well_when_the_database_is_away() -> None:
    """
    The client comes back, and learns then what is wrong.
    """
    watcher = await _sent(News(ServiceUnavailable("the database")))

    assert watcher.is_over


async def test_a_stream_ends_when_the_service_stops() -> None:
    """
    Without waiting for any more news.
    """
    news = News()

    watcher = await _sent(news, is_stopping=True)

    assert watcher.is_over
    assert news.asked == []


async def test_more_watchers_than_can_be_told_are_refused() -> None:
    """
    Each reads the database now and then: beyond a bound they are told to come back.
    """
    streams = Streams(most=3, most_of_one=2)

    with streams.one("a"), streams.one("a"):
        with pytest.raises(Overloaded), streams.one("a"):
            pass
        with streams.one("b"), pytest.raises(Overloaded), streams.one("c"):
            pass

    with streams.one("a"), streams.one("a"), streams.one("c"):
        pass

"""
Redis with short bounds and one kind of failure, against a real server.
"""

import asyncio
import time

import pytest

from servicekit.redis import RedisStore, RedisUnavailable, connect, key
from servicekit.redis_url import valid_url
from servicekit.testing.redis_server import RedisProcess

#: A machine with little to spare may need longer than the default for its first connection.
PATIENT_S = 5.0


async def test_what_is_kept_comes_back_as_text(redis_url: str) -> None:
    """
    Commands work inside ``reached``, and answers are text.
    """
    store = RedisStore(redis_url, service="shop", timeout_s=PATIENT_S)
    with store.reached() as redis:
        await redis.set(store.key("note", "1"), "ü")
        found = await redis.get("shop:note:1")
    await store.ping()
    await store.aclose()

    assert found == "ü"


def test_key_has_three_parts() -> None:
    """
    Keys read service, type, id; an id may hold colons.
    """
    assert key("shop", "token-bucket", "user:7") == "shop:token-bucket:user:7"


@pytest.mark.parametrize(
    ("service", "kind", "identifier"),
    [
        ("", "a", "1"),
        ("s", "", "1"),
        ("s", "a", ""),
        ("s:t", "a", "1"),
        ("s", "a b", "1"),
        ("s", "a", "with space"),
        ("s", "a", "line\nbreak"),
        ("s", "a", "ü"),
    ],
)
def test_key_of_other_parts_is_refused(service: str, kind: str, identifier: str) -> None:
    """
    A part that could be mistaken for two, or is not there, makes no key.
    """
    with pytest.raises(ValueError, match="Redis key"):
        key(service, kind, identifier)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:secret@h:6380/3",
        "rediss://h/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=4",
        "unix:///run/redis.sock",
    ],
)
def test_usual_addresses_are_taken(url: str) -> None:
    """
    Addresses of the usual forms are taken as they are.
    """
    assert valid_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://user:secret@h",
        "redis://",
        "redis://:secret@/0",
        "redis://user:secret@h:port/0",
        "redis://user:secret@h:99999/0",
        "redis://user:secret@h:0/0",
        "redis://user:secret@h/shop",
        "redis://user:secret@h/0?timeout=99",
        "redis://user:secret@[::1/0",
        "unix://",
        "unix:///run/redis.sock?db=secret",
    ],
)
def test_other_address_is_one_clear_line(url: str) -> None:
    """
    What cannot be used is refused before anything starts, in one line without a password.
    """
    with pytest.raises(ValueError, match=r"\w") as caught:
        connect(url)

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_absent_redis_is_unavailable(free_port: int) -> None:
    """
    Where nobody listens the first command fails at once, and only once.
    """
    store = RedisStore(f"redis://127.0.0.1:{free_port}/0", service="shop")

    with pytest.raises(RedisUnavailable):
        await store.ping()

    await store.aclose()


@pytest.mark.real_time
async def test_frozen_redis_is_given_up_within_the_bound(own_redis: RedisProcess) -> None:
    """
    A server that never answers holds a caller for little more than the bound, and is used again
    when it is back, without an answer that was meant for someone else.
    """
    store = RedisStore(own_redis.server.url(), service="shop", timeout_s=0.25)
    with store.reached() as redis:
        await redis.set("shop:a:1", "first")

        own_redis.pause()
        begun = time.monotonic()
        with pytest.raises(RedisUnavailable):
            await _get(store, "shop:a:1")
        took_s = time.monotonic() - begun
        own_redis.resume()

    assert took_s < 2  # ten repeats, which are redis-py's default, would take longer
    assert await _get(store, "shop:b:1", patiently=True) is None
    assert await _get(store, "shop:a:1", patiently=True) == "first"
    await store.aclose()


async def test_restarted_redis_costs_no_command(own_redis: RedisProcess) -> None:
    """
    A connection that died with the server is replaced before a command is sent on it.
    """
    store = RedisStore(own_redis.server.url(), service="shop", timeout_s=PATIENT_S)
    await store.ping()

    await asyncio.to_thread(own_redis.kill)
    with pytest.raises(RedisUnavailable):
        await store.ping()
    await asyncio.to_thread(own_redis.start)

    await store.ping()
    await store.aclose()


async def test_full_redis_is_unavailable(own_redis: RedisProcess) -> None:
    """
    A server that has no room left cannot do its work.
    """
    store = RedisStore(own_redis.server.url(), service="shop", timeout_s=PATIENT_S)
    with store.reached() as redis:
        await redis.config_set("maxmemory", "1")

    with pytest.raises(RedisUnavailable), store.reached() as redis:
        await redis.set("shop:a:1", "no room")

    await store.aclose()


@pytest.mark.parametrize("refusal", ["no right", "another type", "no text"])
async def test_whatever_redis_refuses_is_unavailable(own_redis: RedisProcess, refusal: str) -> None:
    """
    No right to a command, a value of another type, bytes that are no text: none of it is a crash.
    """
    store = RedisStore(own_redis.server.url(), service="shop", timeout_s=PATIENT_S)
    with store.reached() as redis:
        if refusal == "no right":
            await redis.acl_setuser("default", enabled=True, nopass=True, commands=["-get"])
        elif refusal == "another type":
            await redis.rpush("shop:a:1", "text")
        else:
            await redis.set("shop:a:1", b"\xff\xfe")

    with pytest.raises(RedisUnavailable), store.reached() as redis:
        await redis.get("shop:a:1")

    await store.aclose()


async def test_callers_wait_for_a_free_connection(redis_url: str) -> None:
    """
    More callers than connections are served one after the other.
    """
    store = RedisStore(redis_url, service="shop", max_connections=2, timeout_s=PATIENT_S)

    with store.reached() as redis:
        counts = await asyncio.gather(*(redis.incr("shop:count:1") for _ in range(50)))

    assert sorted(counts) == list(range(1, 51))
    await store.aclose()


@pytest.mark.real_time
async def test_no_free_connection_is_unavailable(redis_url: str) -> None:
    """
    Who waits too long for a connection is told so.
    """
    store = RedisStore(redis_url, service="shop", max_connections=1, timeout_s=0.25)

    with store.reached() as redis:
        async with redis.client():
            with pytest.raises(RedisUnavailable):
                await store.ping()

    await store.aclose()


async def test_cancelled_commands_lose_no_connection(redis_url: str) -> None:
    """
    Wherever a command is cancelled, the pool stays whole and nobody gets another's answer.
    """
    store = RedisStore(redis_url, service="shop", max_connections=2, timeout_s=PATIENT_S)

    with store.reached() as redis:
        for number in range(20):
            await redis.set(f"shop:a:{number}", number)
        for steps in range(40):
            commands = [asyncio.ensure_future(redis.get(f"shop:a:{n}")) for n in range(4)]
            for _ in range(steps):
                await asyncio.sleep(0)
            for command in commands:
                command.cancel()
            await asyncio.wait(commands)
        answers = await asyncio.gather(*(redis.get(f"shop:a:{n}") for n in range(20)))

    assert answers == [str(number) for number in range(20)]
    await store.aclose()


async def _get(store: RedisStore, name: str, *, patiently: bool = False) -> str | bytes | None:
    """
    What is kept; ``patiently``: a machine with little to spare may take longer than the bound.
    """
    while True:
        try:
            with store.reached() as redis:
                return await redis.get(name)
        except RedisUnavailable:
            if not patiently:
                raise

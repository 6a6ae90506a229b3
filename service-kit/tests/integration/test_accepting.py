"""
Connections are accepted many at a time, and none is lost at the end.
"""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest
import structlog.testing
import uvloop

from servicekit.serving.accepting import Acceptor
from servicekit.testing import eventually


class Impatient(Acceptor):
    """
    With a pause that a test can wait for.
    """

    pause_s = 0.05


class Guest(asyncio.Protocol):
    """
    One connection, which counts itself.
    """

    def __init__(self, guests: "list[Guest]") -> None:
        self._guests = guests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Somebody has connected.
        """
        self.transport = transport
        self._guests.append(self)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """
    A socket that listens on a free port.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield listener


@pytest.fixture
def clients(listener: socket.socket) -> Iterator[list[socket.socket]]:
    """
    Sixty clients that wait to be accepted.
    """
    connected = [socket.create_connection(listener.getsockname()) for _ in range(60)]
    yield connected
    for client in connected:
        client.close()


def test_all_who_wait_are_accepted_in_a_few_turns(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    """
    Uvloop needs a turn for each connection; here one turn takes them all.
    """
    guests: list[Guest] = []

    async def turns() -> int:
        acceptor = Acceptor(listener, lambda: Guest(guests))
        passed = 0
        while len(guests) < len(clients):
            await asyncio.sleep(0)
            passed += 1
        acceptor.close()
        await _leave(guests)
        return passed

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(turns(), 30)) < 10


async def test_who_waits_at_the_end_is_accepted(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    """
    Closing lets in whoever had connected before; whoever comes after is refused, and not thrown out later.
    """
    guests: list[Guest] = []
    address = listener.getsockname()

    acceptor = Acceptor(listener, lambda: Guest(guests))
    acceptor.close()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass
    await acceptor.wait_closed()
    n_accepted = len(guests)
    await _leave(guests)

    assert n_accepted == len(clients)


async def test_answers_are_not_held_back_to_be_joined(listener: socket.socket) -> None:
    """
    Connections have TCP_NODELAY, as those that a loop accepts itself.
    """
    guests: list[Guest] = []
    acceptor = Acceptor(listener, lambda: Guest(guests))

    with socket.create_connection(listener.getsockname()):
        await eventually(lambda: bool(guests))
        accepted = guests[0].transport.get_extra_info("socket")
        is_set = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    acceptor.close()
    await _leave(guests)

    assert is_set


async def test_a_want_of_descriptors_is_waited_out(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    """
    Where nobody can be accepted that is logged, and tried again after a pause, not all the time.
    """
    guests: list[Guest] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    acceptor = Impatient(listener, lambda: Guest(guests))

    with structlog.testing.capture_logs() as logs:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            await eventually(lambda: bool(logs))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await eventually(lambda: len(guests) == len(clients))
    acceptor.close()
    await _leave(guests)

    assert logs[0]["event"] == "connections.not_accepted"
    assert logs[0]["error"] == os.strerror(errno.EMFILE)
    assert len(logs) < 5


async def _leave(guests: list[Guest]) -> None:
    for guest in guests:
        guest.transport.close()
    await asyncio.sleep(0)

"""
What is written in one turn of the event loop goes out in one piece.
"""

import asyncio
from typing import Any

import pytest
from lookups import turns

from servicekit.one_write import MAX_HELD_BYTES, OneWrite


class Wire(asyncio.Transport):
    """
    A transport that keeps what it was told, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: Any) -> None:  # noqa: ANN401 - asyncio's own type
        """
        Keep it.
        """
        self.told.append(bytes(data))

    def close(self) -> None:
        """
        Keep that it was closed.
        """
        self.told.append("closed")

    def abort(self) -> None:
        """
        Keep that it was aborted.
        """
        self.told.append("aborted")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """
        Keep that another has taken over.
        """
        self.protocol = protocol
        self.told.append("handed over")

    def pause_reading(self) -> None:
        """
        Keep it.
        """
        self.told.append("paused")

    def resume_reading(self) -> None:
        """
        Keep it.
        """
        self.told.append("resumed")

    def is_closing(self) -> bool:
        """
        Whether it was closed.
        """
        return "closed" in self.told

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own types
        """
        The peer's name, and nothing else.
        """
        return "somebody" if name == "peername" else default


@pytest.fixture
def wire() -> Wire:
    """
    What stands below.
    """
    return Wire()


@pytest.fixture
async def transport(wire: Wire) -> OneWrite:
    """
    The transport under test.
    """
    return OneWrite(wire, asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_goes_out_in_one_piece(
    wire: Wire, transport: OneWrite
) -> None:
    """
    Head and body are one write, in their order, and what comes a turn later is another.
    """
    transport.write(b"head ")
    transport.write(b"body")
    before = list(wire.told)
    await turns()
    transport.write(b"next")
    await turns()

    assert before == []
    assert wire.told == [b"head body", b"next"]


async def test_much_is_not_held_back(wire: Wire, transport: OneWrite) -> None:
    """
    More than the bound goes out at once, so that the transport can say that it has enough.
    """
    transport.write(b"x" * MAX_HELD_BYTES)
    before = list(wire.told)
    transport.write(b"y")
    at_once = list(wire.told)
    transport.write(b"z")
    await turns()

    assert before == []
    assert at_once == [b"x" * MAX_HELD_BYTES + b"y"]
    assert wire.told == [*at_once, b"z"]


async def test_closing_sends_what_is_held(wire: Wire, transport: OneWrite) -> None:
    """
    An answer that was written just before the end arrives, and before the end.
    """
    transport.write(b"answer")
    transport.close()
    await turns()

    assert wire.told == [b"answer", "closed"]
    assert transport.is_closing()


async def test_aborting_sends_nothing_any_more(wire: Wire, transport: OneWrite) -> None:
    """
    What is held when a connection is aborted is gone with it.
    """
    transport.write(b"answer")
    transport.abort()
    await turns()

    assert wire.told == ["aborted"]


async def test_another_protocol_finds_all_sent(wire: Wire, transport: OneWrite) -> None:
    """
    Whoever takes over a connection writes after what was written before.
    """
    transport.write(b"answer")
    transport.set_protocol(asyncio.Protocol())

    assert wire.told == [b"answer", "handed over"]


async def test_everything_else_is_the_transports(wire: Wire, transport: OneWrite) -> None:
    """
    Reading is paused and resumed below, and what is known of the connection is known from there.
    """
    transport.pause_reading()
    transport.resume_reading()

    assert wire.told == ["paused", "resumed"]
    assert transport.get_extra_info("peername") == "somebody"
    assert transport.get_extra_info("cipher", "none") == "none"
    assert not transport.is_closing()

"""
One connection on real sockets: what comes unasked, what never ends, and when it is used again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tcp import OK, Behaviour, Peer, serving, well_behaved

from servicekit.errors import UpstreamFailed
from servicekit.http import Policy, ServiceClient
from servicekit.http.addresses import Addresses
from servicekit.http.call import Call
from servicekit.http.errors import AnswerTooLarge, BadAnswer, NotSendable
from servicekit.http.network import Network
from servicekit.testing.polling import eventually

ONCE = Policy(max_attempts=1, breaker_threshold=1000)


@asynccontextmanager
async def connected(url: str, policy: Policy = ONCE) -> AsyncIterator[ServiceClient]:
    """
    A client that is closed in the end.
    """
    inventory = ServiceClient("inventory", url, caller="gateway", policy=policy)
    try:
        yield inventory
    finally:
        await inventory.aclose()


def saying(*parts: bytes) -> Behaviour:
    """
    Answer with ``parts``, and wait for what comes.
    """

    async def say(peer: Peer, _: bytes) -> None:
        await peer.send(*parts)

    return say


POISON = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"poison"'


@pytest.mark.parametrize("unasked", [POISON, POISON[:20], b"H", b"\0\0\0"])
@pytest.mark.parametrize("is_apart", [False, True])
async def test_answer_that_nobody_asked_for_is_nobodys(*, unasked: bytes, is_apart: bool) -> None:
    """
    What follows an answer, at once or a moment later, never becomes the next one's.
    """
    is_answered = asyncio.Event()

    async def say(peer: Peer, _: bytes) -> None:
        if is_apart:
            await peer.send(OK)
            await is_answered.wait()
            await peer.send(unasked)
        else:
            await peer.send(OK + unasked)

    # Long enough that idleness does not close what this should.
    policy = Policy(max_attempts=1, keep_alive_s=60)
    async with serving(say) as server, connected(server.url, policy) as inventory:
        first = await inventory.get("/first")
        is_answered.set()
        await eventually(lambda: server.has_left(1))
        second = await inventory.get("/second")

        assert (first.content, second.content) == (b"{}", b"{}")
        assert server.connections == 2


def say_more(peer: Peer) -> None:
    """
    Send an answer that nobody asked for.
    """
    peer.writer.write(POISON)


def say_no_more(peer: Peer) -> None:
    """
    End what goes to the client.
    """
    peer.writer.write_eof()


@pytest.mark.parametrize("goes_on", [say_more, say_no_more])
async def test_what_waits_unread_is_seen_before_a_connection_is_used(
    goes_on: Callable[[Peer], None],
) -> None:
    """
    Where the loop has stood still, an answer that nobody asked for becomes nobody's, and an end is an end.
    """
    peers: list[Peer] = []

    async def answer(peer: Peer, _: bytes) -> None:
        peers.append(peer)
        await peer.send(OK)

    async with serving(answer) as server, connected(server.url) as inventory:
        await inventory.post("/first")
        goes_on(peers[0])  # no turn of the loop lies between this and the next request
        second = await inventory.post("/second")

        assert second.content == b"{}"
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x" * 1024),
        (b"HTTP/1.1 200 OK\r\n", b"X-Name: x\r\n" * 100),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 20),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: ",
            b"x" * 1024,
        ),
    ],
    ids=["header", "headers", "interim answers", "trailer"],
)
async def test_endless_head_is_cut_at_the_bound(pieces: tuple[bytes, bytes]) -> None:
    """
    Nobody fills our memory with what comes before a body or after it.
    """
    begins, goes_on = pieces

    async def endless(peer: Peer, _: bytes) -> None:
        await peer.send(begins)
        while not peer.writer.is_closing():
            await peer.send(goes_on)

    async with serving(endless) as server, connected(server.url) as inventory:
        async with asyncio.timeout(30):
            with pytest.raises(UpstreamFailed) as caught:
                await inventory.get("/x")

    assert isinstance(caught.value.__cause__, BadAnswer)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_connection_that_the_server_will_close_is_not_kept(head: bytes) -> None:
    """
    By its word, or by its version.
    """
    async with serving(saying(head)) as server, connected(server.url) as inventory:
        await inventory.get("/x")
        await inventory.get("/x")

        assert server.connections == 2


async def test_connection_that_was_closed_while_idle_is_not_used() -> None:
    """
    Its end is seen before the next request, which is sent once, on a new one.
    """

    async def answer_and_close(peer: Peer, _: bytes) -> None:
        await peer.send(OK)
        peer.close()

    async with serving(answer_and_close) as server, connected(server.url) as inventory:
        for _ in range(3):
            await inventory.post("/x")
            await eventually(lambda: server.has_left(server.connections))
            for _ in range(5):  # turns of the loop that the end takes to reach us
                await asyncio.sleep(0)

        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-T: 1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["chunks and trailers", "204", "304", "100", "not encoded"],
)
async def test_answer_in_whatever_pieces_leaves_its_connection_fit(answer: bytes) -> None:
    """
    Byte by byte or in one piece: the same answer, and the next request on the same connection.
    """
    drip = [answer[i : i + 1] for i in range(len(answer))]
    body = b"" if b" 204 " in answer or b" 304 " in answer else b"{}"

    async def both(peer: Peer, head: bytes) -> None:
        await saying(*(drip if peer.n == 1 else [answer]))(peer, head)

    async with serving(both) as server, connected(server.url) as inventory:
        replies = [await inventory.get("/x") for _ in range(3)]

        assert [reply.content for reply in replies] == [body] * 3
        assert [name.lower() for reply in replies for name in reply.headers].count("x-t") == 0
        assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"HTTP/1.1 200 OK\nContent-Length: -1\r\n\r\n",
    ],
    ids=["upgrade", "two framings", "two lengths", "negative length"],
)
async def test_answer_that_can_be_read_in_two_ways_is_none(head: bytes) -> None:
    """
    Nor is a change of protocol that nobody asked for.
    """
    async with serving(saying(head)) as server, connected(server.url) as inventory:
        with pytest.raises(UpstreamFailed) as caught:
            await inventory.get("/x")

    assert isinstance(caught.value.__cause__, BadAnswer)


async def test_body_in_chunks_that_stops_halfway_is_no_answer() -> None:
    """
    Only a body without any length may end with its connection.
    """

    async def half(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        peer.close()

    async with serving(half) as server, connected(server.url) as inventory:
        with pytest.raises(UpstreamFailed):
            await inventory.get("/x")


@pytest.mark.parametrize("note", ["a\nX-Evil: b", "a\rX-Evil: b", "a\0b"])
async def test_header_that_would_end_early_is_not_sent(note: str) -> None:
    """
    Each kind of line break, and the byte that ends strings elsewhere.
    """
    async with serving(well_behaved) as server, connected(server.url) as inventory:
        with pytest.raises(UpstreamFailed) as caught:
            await inventory.post("/x", headers={"X-Note": note})

        assert isinstance(caught.value.__cause__, NotSendable)
        assert server.requests == []


async def test_answer_that_comes_in_one_piece_is_bounded_too() -> None:
    """
    Its size counts, and not how it came.
    """
    policy = Policy(max_attempts=1, max_response_bytes=1)
    async with serving(well_behaved) as server, connected(server.url, policy) as inventory:
        with pytest.raises(UpstreamFailed) as caught:
            await inventory.get("/x")

    assert isinstance(caught.value.__cause__, AnswerTooLarge)


@pytest.mark.parametrize(("head_bytes", "is_taken"), [(60_000, True), (70_000, False)])
async def test_head_that_comes_with_its_body_is_bounded_too(
    *, head_bytes: int, is_taken: bool
) -> None:
    """
    The head's own size counts, and not that of the piece that it came in.
    """
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\nX-Long: " + b"x" * head_bytes

    async with (
        serving(saying(head + b"\r\n\r\n" + b" " * 50_000)) as server,
        connected(server.url) as inventory,
    ):
        if is_taken:
            assert len((await inventory.get("/x")).content) == 50_000
        else:
            with pytest.raises(UpstreamFailed) as caught:
                await inventory.get("/x")
            assert isinstance(caught.value.__cause__, BadAnswer)


async def test_head_has_no_body_whatever_length_it_tells() -> None:
    """
    Nothing is waited for, and what may follow all the same meets no other request.
    """
    call = Call("inventory", "HEAD", "/", {}, b"", True, False, 0, 0)

    async with serving(saying(OK)) as server, asyncio.timeout(30):
        network = Network(Addresses(server.url).origin, keep_alive_s=4)
        answers = [await network.exchange(call, within_s=5, max_bytes=9) for _ in range(2)]
        await network.aclose()

        assert [answer.content for answer in answers] == [b"", b""]
        assert server.connections == 2


async def test_idle_connections_are_closed_without_another_call() -> None:
    """
    What is idle for ``keep_alive_s`` goes, though nobody asks for it.
    """
    policy = Policy(keep_alive_s=0.02)
    async with serving(well_behaved) as server, connected(server.url, policy) as inventory:
        await asyncio.gather(*(inventory.get("/x") for _ in range(5)))

        await eventually(lambda: server.has_left(server.connections))

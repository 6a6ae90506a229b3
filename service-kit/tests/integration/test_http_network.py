"""
The network on real sockets: what is sent, how often, and what each way of breaking is called.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Protocol

import pytest
from tcp import OK, Behaviour, Peer, serving, well_behaved

from servicekit.errors import OutcomeUnknown, UpstreamError, UpstreamFailed, UpstreamRefused
from servicekit.http import Policy, ServiceClient
from servicekit.http.errors import CallFailed, NotConnected, NotConnectedInTime, NotSendable
from servicekit.testing.polling import eventually, unused_port

ONCE = Policy(max_attempts=1, breaker_threshold=1000)


class Connect(Protocol):
    """
    Makes clients.
    """

    def __call__(self, url: str, policy: Policy = ONCE) -> ServiceClient: ...


@pytest.fixture
async def client() -> AsyncIterator[Connect]:
    """
    Makes clients on the real network, and closes them in the end.
    """
    async with AsyncExitStack() as clients:

        def connect(url: str, policy: Policy = ONCE) -> ServiceClient:
            inventory = ServiceClient("inventory", url, caller="gateway", policy=policy)
            clients.push_async_callback(inventory.aclose)
            return inventory

        yield connect


async def close(peer: Peer, _: bytes) -> None:
    """
    Read the request, and close without an answer.
    """
    peer.close()


async def reset(peer: Peer, _: bytes) -> None:
    """
    Read the request, and reset the connection.
    """
    peer.reset()


async def cut_head(peer: Peer, _: bytes) -> None:
    """
    Close in the middle of the headers.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    peer.close()


async def cut_body(peer: Peer, _: bytes) -> None:
    """
    Promise more than is sent.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
    peer.close()


async def reset_body(peer: Peer, _: bytes) -> None:
    """
    Reset in the middle of the body.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
    peer.reset()


async def garbage(peer: Peer, _: bytes) -> None:
    """
    Speak something else.
    """
    await peer.send(b"220 mail.example ESMTP\r\n\r\n")


async def bad_chunks(peer: Peer, _: bytes) -> None:
    """
    A chunk whose length is no number.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")


BREAKING = [close, reset, cut_head, cut_body, reset_body, garbage, bad_chunks]


def after_a_good_one(behave: Behaviour) -> Behaviour:
    """
    Answer the first request on each connection, so that the second comes on a kept one.
    """

    async def both(peer: Peer, head: bytes) -> None:
        await (well_behaved if peer.n == 1 else behave)(peer, head)

    return both


@pytest.mark.parametrize("method", ["get", "put", "delete", "post", "patch"])
@pytest.mark.parametrize("behave", BREAKING)
async def test_request_goes_out_once_whatever_becomes_of_it(
    method: str, behave: Behaviour, client: Connect
) -> None:
    """
    Nothing below our retry sends a second time, also not on a kept connection, for any method.
    """
    async with serving(after_a_good_one(behave)) as server:
        inventory = client(server.url)
        await inventory.get("/first")

        with pytest.raises(UpstreamError) as caught:
            await getattr(inventory, method)("/second")
    seconds = [head for head in server.requests if b"/second" in head]
    assert len(seconds) == 1
    assert type(caught.value) is (UpstreamFailed if method == "get" else OutcomeUnknown)
    assert isinstance(caught.value.__cause__, CallFailed)
    assert not isinstance(caught.value.__cause__, NotConnected | NotConnectedInTime)


@pytest.mark.parametrize("behave", [close, reset])
async def test_read_on_a_kept_connection_that_dies_is_repeated_by_us(
    behave: Behaviour, client: Connect
) -> None:
    """
    Our own retry finds the lost connection, pays for it, and asks on a new one.
    """
    async with serving(after_a_good_one(behave)) as server:
        inventory = client(server.url, Policy())
        await inventory.get("/first")

        reply = await inventory.get("/second")
    assert reply.status == 200
    assert len(server.requests) == 3
    assert server.connections == 2


@pytest.mark.parametrize("method", ["get", "post"])
async def test_refused_connection_was_never_sent(method: str, client: Connect) -> None:
    """
    Nobody listens: a write has failed, and is not unknown.
    """
    inventory = client(f"http://127.0.0.1:{unused_port()}")

    with pytest.raises(UpstreamFailed) as caught:
        await getattr(inventory, method)("/x")
    assert isinstance(caught.value.__cause__, NotConnected)


async def test_unknown_name_was_never_sent(client: Connect) -> None:
    """
    A name that does not resolve is a connection that was never made.
    """
    inventory = client("http://inventory.invalid")

    with pytest.raises(UpstreamFailed) as caught:
        await inventory.post("/x")
    assert isinstance(caught.value.__cause__, NotConnected)


async def test_failed_handshake_was_never_sent(client: Connect) -> None:
    """
    TLS to a server that speaks none: the request has not left.
    """

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    hello: list[bytes] = []
    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]

        with pytest.raises(UpstreamFailed) as caught:
            await client(f"https://127.0.0.1:{port}").post("/x")

    assert isinstance(caught.value.__cause__, NotConnected)
    assert len(hello) == 1


async def test_header_that_cannot_be_sent_was_never_sent(client: Connect) -> None:
    """
    A line break in a header does not reach the wire, and is no doubt about a write.
    """
    async with serving(well_behaved) as server:
        inventory = client(server.url)

        with pytest.raises(UpstreamFailed) as caught:
            await inventory.post("/x", headers={"X-Note": "a\r\nX-Evil: b"})
    assert isinstance(caught.value.__cause__, NotSendable)
    assert server.requests == []


async def test_token_that_cannot_be_sent_was_never_sent() -> None:
    """
    One that is not ASCII is a mistake of ours, is no doubt about a write, and is not quoted.
    """

    async def authorize() -> str:
        return "Bearer tokén"

    async with serving(well_behaved) as server:
        inventory = ServiceClient(
            "inventory", server.url, caller="gateway", policy=ONCE, authorize=authorize
        )
        async with aclosing(inventory):
            with pytest.raises(UpstreamFailed) as caught:
                await inventory.post("/x")
    assert isinstance(caught.value.__cause__, NotSendable)
    assert "tok" not in str(caught.value.__cause__)
    assert server.requests == []


async def test_wire_has_our_headers_and_no_others(
    monkeypatch: pytest.MonkeyPatch, client: Connect
) -> None:
    """
    No agent, cookie or encoding is added, nothing is taken from the environment.
    """
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")

    async def with_cookie(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with serving(with_cookie) as server:
        inventory = client(server.url)
        await inventory.get("/first")
        await inventory.post("/second", json={"a": 1})

    names = {line.split(b":")[0].lower() for line in server.requests[1].split(b"\r\n")[1:] if line}
    assert names == {
        b"host",
        b"x-correlation-id",
        b"traceparent",
        b"x-service-name",
        b"accept",
        b"accept-encoding",
        b"content-type",
        b"content-length",
        b"x-request-deadline-ms",
    }
    assert server.bodies == [b"", b'{"a":1}']
    assert server.requests[1].count(b"host:") + server.requests[1].count(b"Host:") == 1


async def test_connection_is_kept_and_used_again(client: Connect) -> None:
    """
    Calls one after another share a connection.
    """
    async with serving(well_behaved) as server:
        inventory = client(server.url)
        for _ in range(5):
            await inventory.get("/x")

    assert (server.connections, len(server.requests)) == (1, 5)


async def test_idle_connection_is_given_up_before_the_server_does(client: Connect) -> None:
    """
    After ``keep_alive_s`` without use, a new connection is made.
    """
    async with serving(well_behaved) as server:
        inventory = client(server.url, Policy(keep_alive_s=0.001))
        await inventory.get("/x")

        async def on_a_new_one() -> bool:
            await inventory.get("/x")
            return server.connections > 1

        await eventually(on_a_new_one)


async def test_connections_are_bounded(client: Connect) -> None:
    """
    However many calls there are, no more connections are opened than calls may be in progress.
    """
    async with serving(well_behaved) as server:
        inventory = client(server.url, Policy(max_in_flight=4))
        await asyncio.gather(*(inventory.get("/x") for _ in range(40)))

    assert server.connections <= 4
    assert len(server.requests) == 40


async def test_redirect_is_an_answer(client: Connect) -> None:
    """
    Nothing is followed.
    """

    async def elsewhere(peer: Peer, _: bytes) -> None:
        await peer.send(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
        )

    async with serving(elsewhere) as server:
        inventory = client(server.url)
        reply = await inventory.get("/x")

    assert reply.status == 307
    assert len(server.requests) == 1


async def test_encoded_answer_is_refused(client: Connect) -> None:
    """
    Plain is what was asked for: a small answer cannot become an enormous one.
    """
    packed = gzip.compress(b"{}")

    async def encoded(peer: Peer, _: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        await peer.send(head % len(packed) + packed)

    async with serving(encoded) as server:
        inventory = client(server.url)
        with pytest.raises(UpstreamFailed):
            await inventory.get("/x")

    assert b"accept-encoding: identity" in server.requests[0].lower()


async def endless(peer: Peer, _: bytes) -> None:
    """
    A body that never ends.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not peer.writer.is_closing():
        await peer.send(b"400\r\n" + b"x" * 1024 + b"\r\n")


async def test_endless_body_is_cut_at_the_bound(client: Connect) -> None:
    """
    The connection is closed as soon as the bound is passed.
    """
    async with serving(endless) as server:
        inventory = client(server.url, Policy(max_response_bytes=10_000))
        async with asyncio.timeout(30):
            with pytest.raises(UpstreamFailed):
                await inventory.get("/x")


async def test_large_answer_arrives_whole(client: Connect) -> None:
    """
    A body in many pieces is put together.
    """
    body = b"[" + b"1," * 300_000 + b"1]"

    async def large(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    async with serving(large) as server:
        inventory = client(server.url)
        reply = await inventory.get("/x")

    assert reply.content == body


async def test_answer_without_length_ends_with_the_connection(client: Connect) -> None:
    """
    As HTTP/1.0 servers do it.
    """

    async def old(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\n{}")
        peer.close()

    async with serving(old) as server:
        inventory = client(server.url)
        assert (await inventory.get("/x")).content == b"{}"


async def test_answer_without_length_that_we_end_ourselves_is_not_whole(client: Connect) -> None:
    """
    A client that is closed cuts answers off, and takes none for ended by that.
    """
    is_begun = asyncio.Event()

    async def begin(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n[1,2")
        is_begun.set()
        await peer.hang()

    async with serving(begin) as server:
        inventory = client(server.url)
        call = asyncio.ensure_future(inventory.post("/x"))
        await is_begun.wait()
        for _ in range(5):  # turns of the loop that the beginning takes to reach us
            await asyncio.sleep(0)

        await inventory.aclose()

        with pytest.raises(OutcomeUnknown):
            await call


async def test_answer_before_the_body_was_read_is_an_answer(client: Connect) -> None:
    """
    A server may refuse a large body without reading it.
    """

    async def too_large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            await reader.read()
        finally:
            writer.close()

    async with await asyncio.start_server(too_large, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]

        with pytest.raises(UpstreamRefused) as caught:
            await client(f"http://127.0.0.1:{port}").post("/x", json={"x": "y" * 5_000_000})

    assert caught.value.upstream_status == 413


async def test_closed_client_sends_nothing(client: Connect) -> None:
    """
    After ``aclose`` a write has failed, for sure.
    """
    inventory = client("http://127.0.0.1:1")
    await inventory.aclose()

    with pytest.raises(UpstreamFailed):
        await inventory.post("/x")


async def test_closing_ends_calls_in_progress(client: Connect) -> None:
    """
    A write that was on the wire is unknown.
    """

    async def hang(peer: Peer, _: bytes) -> None:
        await peer.hang()

    async with serving(hang) as server:
        inventory = client(server.url)
        call = asyncio.ensure_future(inventory.post("/x"))
        await eventually(lambda: server.requests)

        await inventory.aclose()

        with pytest.raises(OutcomeUnknown):
            await call


async def test_cancelled_call_closes_its_connection(client: Connect) -> None:
    """
    The server sees at once that nobody waits for its answer.
    """
    gone = asyncio.Event()

    async def hang(peer: Peer, _: bytes) -> None:
        await peer.hang()
        gone.set()

    async with serving(hang) as server:
        inventory = client(server.url)
        call = asyncio.ensure_future(inventory.get("/x"))
        await eventually(lambda: server.requests)

        call.cancel()

        async with asyncio.timeout(30):
            await gone.wait()
    assert call.cancelled()


async def test_interim_answers_are_passed_over(client: Connect) -> None:
    """
    A 103 before the 200 is not the answer.
    """

    async def hints(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK)

    async with serving(hints) as server:
        inventory = client(server.url)
        assert (await inventory.get("/x")).status == 200

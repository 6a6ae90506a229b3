"""
When a request ends before its route is done with it.
"""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, MalformedRequest
from servicekit.middleware.answer import Answer
from servicekit.middleware.lifetime import Allowance, ClientGone, Lifetime
from servicekit.middleware.told import told_by

BOUND_S = 30.0


class Client:
    """
    The other end of a connection: sends one request, and leaves when told.
    """

    def __init__(self) -> None:
        self.has_left = asyncio.Event()
        self.received: list[Message] = []
        self._is_sent = False

    async def receive(self) -> Message:
        """
        What the server hears.
        """
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """
        What the server says.
        """
        self.received.append(message)


class Route:
    """
    An application that tells when it is entered and how it ended.
    """

    def __init__(self, *, starts_answer: bool = False, listens: bool = False) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.ending = ""
        self.remaining_s: float | None = None
        self._starts_answer = starts_answer
        self._listens = listens

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """
        Wait until opened, cancelled, or left by the client.
        """
        self.remaining_s = deadline.remaining_s()
        if self._starts_answer:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        self.entered.set()
        try:
            if self._listens:
                while (await receive())["type"] != "http.disconnect":
                    pass
                self.ending = "heard the client leave"
                return
            await self.opened.wait()
            self.ending = "done"
        except asyncio.CancelledError:
            self.ending = "cancelled"
            raise


def request(method: str = "GET", **headers: str) -> Scope:
    """
    A request's scope.
    """
    raw = [(name.lower().replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
    return {"type": "http", "method": method, "path": "/x", "headers": raw}


def serving(
    route: Route, client: Client, scope: Scope, *, timeout_s: float = 30
) -> asyncio.Task[None]:
    """
    The request in progress.
    """
    app = guarded(route, timeout_s=timeout_s)
    return asyncio.ensure_future(app(scope, client.receive, client.send))


def guarded(route: ASGIApp, *, timeout_s: float) -> ASGIApp:
    """
    The route within its lifetime, as the way of every request serves it.
    """
    lifetime = Lifetime(timeout_s, frozenset({"/open"}), [Allowance("POST", "/slow", 100)])

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer()

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
            await send(message)

        told = told_by(scope["headers"])
        await lifetime.serve(route, scope, receive, send_and_note, answer=answer, told=told)

    return serve


async def test_a_read_ends_when_its_client_leaves() -> None:
    """
    Nobody waits for the answer any more: the work is cancelled, whatever time was left.
    """
    route, client = Route(), Client()
    task = serving(route, client, request())
    await route.entered.wait()

    client.has_left.set()

    with pytest.raises(ClientGone):
        await asyncio.wait_for(task, BOUND_S)
    assert route.ending == "cancelled"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_outlives_its_client(method: str) -> None:
    """
    A write goes on to its end though nobody waits for its answer.
    """
    route, client = Route(), Client()
    task = serving(route, client, request(method))
    await route.entered.wait()

    client.has_left.set()
    route.opened.set()

    await asyncio.wait_for(task, BOUND_S)
    assert route.ending == "done"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.leaping_time
async def test_the_deadline_ends_any_request(method: str) -> None:
    """
    When the time that the caller gave is over, the work is cancelled.
    """
    route = Route()

    with pytest.raises(DeadlineExceeded) as caught:
        await serving(route, Client(), request(method, X_Request_Deadline_Ms="20"))

    assert route.ending == "cancelled"
    unknown = {} if method == "GET" else {"outcome": "unknown"}
    assert caught.value.details == {"deadlineMs": 20} | unknown


@pytest.mark.leaping_time
async def test_the_services_own_limit_holds_too() -> None:
    """
    A caller cannot ask for more time than the service gives.
    """
    with pytest.raises(DeadlineExceeded) as caught:
        await serving(Route(), Client(), request(X_Request_Deadline_Ms="999999"), timeout_s=0.02)

    assert caught.value.details == {"deadlineMs": 20}


async def test_a_request_without_time_is_not_begun() -> None:
    """
    No time left means no work done.
    """
    route = Route()

    with pytest.raises(DeadlineExceeded):
        await serving(route, Client(), request(X_Request_Deadline_Ms="0"))

    assert not route.entered.is_set()


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "1e3", "9999999999", "\u0661"])
async def test_a_deadline_that_is_no_number_is_refused(value: str) -> None:
    """
    A header out of its form is named, not guessed at.
    """
    with pytest.raises(MalformedRequest, match="X-Request-Deadline-Ms"):
        await serving(Route(), Client(), request(X_Request_Deadline_Ms=value))


@pytest.mark.leaping_time
async def test_an_answer_that_has_begun_may_take_its_time() -> None:
    """
    The deadline is for the beginning of an answer: a stream is not cut.
    """
    route, client = Route(starts_answer=True), Client()
    task = serving(route, client, request(X_Request_Deadline_Ms="20"))
    await route.entered.wait()
    await asyncio.sleep(0.05)

    route.opened.set()

    await asyncio.wait_for(task, BOUND_S)
    assert route.ending == "done"


async def test_a_stream_hears_its_client_leave() -> None:
    """
    Whoever streams can still wait for the client's leave.
    """
    route, client = Route(starts_answer=True, listens=True), Client()
    task = serving(route, client, request())
    await route.entered.wait()

    client.has_left.set()

    await asyncio.wait_for(task, BOUND_S)
    assert route.ending == "heard the client leave"


@pytest.mark.leaping_time
async def test_the_remaining_time_is_known_inside() -> None:
    """
    The route, and whatever it calls, knows how much time is left.
    """
    route = Route()
    route.opened.set()

    await serving(route, Client(), request(X_Request_Deadline_Ms="1500"))

    assert route.remaining_s is not None
    assert 1 < route.remaining_s <= 1.5


async def test_open_paths_know_no_deadline() -> None:
    """
    Health is told whatever a caller's deadline.
    """
    route = Route()
    route.opened.set()
    scope = {**request(X_Request_Deadline_Ms="0"), "path": "/open"}

    await serving(route, Client(), scope)

    assert (route.ending, route.remaining_s) == ("done", None)


@pytest.mark.parametrize(
    ("method", "path", "given_s"),
    [
        ("POST", "/slow", 100),
        ("POST", "/slow/one", 100),
        ("GET", "/slow", 30),
        ("POST", "/slower", 30),
        ("POST", "/", 30),
    ],
)
@pytest.mark.leaping_time
async def test_an_allowance_is_for_its_method_and_path_alone(
    method: str, path: str, given_s: float
) -> None:
    """
    Requests of one method below one path are given their own time, and no others are.
    """
    route = Route()
    route.opened.set()

    await serving(route, Client(), {**request(method), "path": path})

    assert route.remaining_s is not None
    assert given_s - 5 < route.remaining_s <= given_s


async def test_a_timeout_of_the_routes_own_is_its_own() -> None:
    """
    A TimeoutError from inside is not mistaken for the request's deadline.
    """

    async def route(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise TimeoutError("of its own")

    client = Client()

    with pytest.raises(TimeoutError, match="of its own"):
        await guarded(route, timeout_s=9)(request(), client.receive, client.send)


@pytest.mark.parametrize("leave", [lambda c: c.has_left.set(), lambda _c: None])
@pytest.mark.leaping_time
async def test_nothing_is_left_behind(leave: Callable[[Client], None]) -> None:
    """
    However a request ends, no task of its watch remains.
    """
    route, client = Route(listens=True), Client()
    before = asyncio.all_tasks()
    task = serving(route, client, request(X_Request_Deadline_Ms="50"))
    await route.entered.wait()
    leave(client)

    await asyncio.wait([task])
    await asyncio.sleep(0)

    assert task.done()
    assert task.exception() is None or isinstance(task.exception(), DeadlineExceeded | ClientGone)
    assert asyncio.all_tasks() == before

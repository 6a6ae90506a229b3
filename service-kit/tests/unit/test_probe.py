"""
The probe that an image asks its service with.
"""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from servicekit.probe import main
from servicekit.testing.polling import unused_port

Answering = Callable[[bytes], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """
    Listens for one request, answers it with the bytes given, and hangs up.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(sent: bytes) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1_000)
            connection.sendall(sent)

    def start(sent: bytes) -> str:
        threads.append(threading.Thread(target=answer, args=(sent,)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/health/ready"

    with listener:
        yield start
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"SSH-2.0-OpenSSH 200\r\n", 1),
        (b"", 1),
    ],
)
def test_only_200_is_well(answering: Answering, sent: bytes, code: int) -> None:
    """
    Whatever else is answered, and an answer that is no HTTP, is exit code 1.
    """
    url = answering(sent)

    assert main([url]) == code


def test_nobody_there_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nobody listens it is exit code 1, with the reason for whoever reads the health log.
    """
    code = main([f"http://127.0.0.1:{unused_port()}/health/ready"])

    assert code == 1
    assert "no answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["http://here/"], ["https://here:80/"], ["here:80"], ["http://a:1", "b"]]
)
def test_an_address_that_is_none_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """
    Whoever calls it wrongly gets the usage and exit code 2, so that it is not taken for a sick service.
    """
    code = main(arguments)

    assert code == 2
    assert "usage" in capsys.readouterr().err

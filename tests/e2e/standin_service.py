"""
A service that the supervisor's tests run instead of a real one; it behaves as ``STANDIN`` says.

``fails-to-migrate``, ``dies-early``, ``never-ready``, ``ignores-sigterm`` and ``keeps-database``
are what they say; ``dies-second`` dies as soon as the stand-in before it serves.
While it serves, ``/crash`` ends it, ``/flood`` prints a lot, ``/environment`` tells what it was given.
"""

# ruff: noqa: T201 - a program of its own, which prints

import json
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEHAVIOUR = os.environ.get("STANDIN", "")


class Handler(BaseHTTPRequestHandler):
    """
    Answers GET.
    """

    def do_GET(self) -> None:
        if self.path == "/crash":
            print("crashing as asked", flush=True)
            os._exit(7)
        if self.path == "/flood":
            print("x" * 100 + "\n" + ("flood " * 20 + "\n") * 20_000, flush=True)
        is_ready = BEHAVIOUR != "never-ready"
        self.send_response(200 if is_ready else 503)
        self.end_headers()
        told = {"pid": os.getpid(), "arguments": sys.argv, "environment": dict(os.environ)}
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_arguments: object) -> None:
        """
        Prints nothing of its own.
        """


def stop(_number: int, _frame: object) -> None:
    """
    Ends well, and says so.
    """
    print("stopped gracefully", flush=True)
    os._exit(0)


def ignore(_number: int, _frame: object) -> None:
    """
    Carries on, and says so.
    """
    print("ignored SIGTERM", flush=True)


def wait_for(port: int) -> None:
    """
    Returns when somebody answers on the port; the supervisor's patience is the bound.
    """
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                connection.recv(1)
                return
        except ConnectionRefusedError:
            time.sleep(0.02)


def serve() -> None:
    """
    Listens where the environment says.
    """
    if BEHAVIOUR == "dies-second":
        wait_for(int(os.environ["SERVICE_PORT"]) - 1)
    if BEHAVIOUR in {"dies-early", "dies-second"}:
        sys.exit("there is no paper in the printer")
    signal.signal(signal.SIGTERM, ignore if BEHAVIOUR == "ignores-sigterm" else stop)
    address = (os.environ["SERVICE_HOST"], int(os.environ["SERVICE_PORT"]))
    server = ThreadingHTTPServer(address, Handler)
    print(f"serving as {os.getpid()}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    elif BEHAVIOUR == "fails-to-migrate":
        sys.exit("the table is laid already")
    else:
        if BEHAVIOUR == "keeps-database":
            Path(os.environ["DATABASE_URL"].removeprefix("sqlite:///")).touch()
        print(f"{sys.argv[1]} done", flush=True)

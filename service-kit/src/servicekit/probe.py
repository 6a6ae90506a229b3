"""
``python -m servicekit.probe http://127.0.0.1:8000/health/ready``: exit code 0 when the address answers
200, 1 otherwise.

What an image asks itself, since it has no curl. It imports next to nothing and reads one line, because it
runs every few seconds beside the service, and asks no proxy of the environment.
"""

import socket
import sys
from collections.abc import Sequence

_WITHIN_S = 2.0
_LONGEST_LINE_BYTES = 1_000


def main(arguments: Sequence[str]) -> int:
    """
    The exit code: 0, 1 for any other answer or none, 2 where the address is none.
    """
    place = _place(arguments[0]) if len(arguments) == 1 else None
    if place is None:
        sys.stderr.write("usage: python -m servicekit.probe http://HOST:PORT/PATH\n")
        return 2
    try:
        status = _status(*place)
    except OSError as problem:
        sys.stdout.write(f"no answer: {problem}\n")
        return 1
    sys.stdout.write(f"{status}\n")
    return 0 if status == "200" else 1


def _place(url: str) -> tuple[str, int, str] | None:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, _, port = authority.rpartition(":")
    if scheme != "http" or not host or not port.isdecimal():
        return None
    return host.strip("[]"), int(port), f"{slash or '/'}{path}"


def _status(host: str, port: int, path: str) -> str:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, port), timeout=_WITHIN_S) as connection:
        connection.sendall(request.encode())
        line = connection.makefile("rb").readline(_LONGEST_LINE_BYTES)
    words = line.decode(errors="replace").split()
    return words[1] if len(words) > 1 and words[0].startswith("HTTP/") else "no HTTP"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

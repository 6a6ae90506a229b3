"""
Whether the demo's ports are free, and where they would be.
"""

import contextlib
import socket

from tools.demo.services import Service
from tools.demo.settings import HIGHEST_PORT, PORTS_NEEDED, DemoProblem, DemoSettings


def check_free(services: tuple[Service, ...], demo: DemoSettings) -> None:
    """
    Raises with one line when a service could not listen.
    """
    taken = [service for service in services if not is_free(demo.host, service.port(demo))]
    if not taken:
        return
    names = ", ".join(f"{service.port(demo)} ({service.name})" for service in taken)
    ports, them = ("Ports", "them") if len(taken) > 1 else ("Port", "it")
    raise DemoProblem(
        f"{ports} {names} in use. Stop what uses {them}, or move the demo:"
        f" DEMO_PORT_BASE={other_base(services, demo)} make demo"
    )


def other_base(services: tuple[Service, ...], demo: DemoSettings) -> int:
    """
    A port base, some thousands away, at which every service could listen now.
    """
    for away in range(1000, HIGHEST_PORT, 1000):
        base = 1024 + (demo.port_base - 1024 + away) % (HIGHEST_PORT - PORTS_NEEDED - 1024)
        if all(is_free(demo.host, base + service.port_offset) for service in services):
            return base
    raise DemoProblem("No free ports were found on this machine.")


def is_free(host: str, port: int) -> bool:
    """
    Whether nobody answers on the port and it can be listened on.
    """
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return False
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen()
        except OSError:
            return False
    return True

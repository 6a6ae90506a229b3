"""
Where a demo runs and how patient it is.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

HIGHEST_PORT = 65535
#: Offsets of the services lie below this.
PORTS_NEEDED = 10

# What a child gets of the caller's environment. The rest stays out, so that a DATABASE_URL
# or a SERVICE_PORT of somebody's shell cannot change what the demo is.
_INHERITED = frozenset({"HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"})
_INHERITED_PREFIXES = ("LC_", "OTEL_", "SSL_CERT_")


class DemoProblem(Exception):
    """
    The demo cannot go on. The message is for the person at the terminal and says what to do.
    """


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """
    One demo: its folder, its ports, its bounds in seconds.
    """

    folder: Path
    port_base: int = 8000
    host: str = "127.0.0.1"
    python: str = sys.executable
    log_level: str = "INFO"
    log_format: str = "readable"
    ready_within_s: float = 60.0
    prepared_within_s: float = 120.0
    stop_within_s: float = 10.0
    restarts: int = 3
    first_restart_after_s: float = 1.0
    inherited: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], root: Path) -> Self:
        """
        The settings that ``DEMO_PORT_BASE``, ``DEMO_DATA_DIR``, ``LOG_LEVEL`` and ``LOG_FORMAT`` ask for.
        """
        folder = variables.get("DEMO_DATA_DIR") or str(root / ".data" / "demo")
        return cls(
            folder=Path(folder).expanduser().resolve(),
            port_base=_port_base(variables.get("DEMO_PORT_BASE") or "8000"),
            log_level=variables.get("LOG_LEVEL") or "INFO",
            log_format=variables.get("LOG_FORMAT") or "readable",
            inherited={
                name: value
                for name, value in variables.items()
                if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
            },
        )

    @property
    def logs(self) -> Path:
        """
        The folder of the services' log files.
        """
        return self.folder / "logs"

    def make_folders(self) -> None:
        """
        Makes the folders, which only the owner can enter: they hold passwords and people's data.
        """
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)


def _port_base(text: str) -> int:
    if text.isdecimal() and 1024 <= int(text) <= HIGHEST_PORT - PORTS_NEEDED:
        return int(text)
    highest = HIGHEST_PORT - PORTS_NEEDED
    raise DemoProblem(f"DEMO_PORT_BASE must be a number from 1024 to {highest}, not {text!r}.")

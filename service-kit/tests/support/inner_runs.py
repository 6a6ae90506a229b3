"""
Runs of pytest inside tests, for what the kit's plugin promises about whole runs.
"""

import os
import subprocess
import sys
from pathlib import Path

#: No plugin but those that it names: some take seconds to load.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


#: A shell lets what it starts in the background ignore Ctrl-C, and who is started by that as well.
PYTEST = (
    "import signal, sys, pytest;"
    "signal.signal(signal.SIGINT, signal.default_int_handler);"
    "sys.exit(pytest.main())"
)


class Inner:
    """
    A pytest run in a folder of its own.
    """

    def __init__(self, folder: Path, code: str) -> None:
        self.notes = folder / "notes"
        self._folder = folder / "inner"
        self._folder.mkdir()
        (self._folder / "test_inner.py").write_text(code)
        (self._folder / "pytest.ini").write_text(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
            "filterwarnings = error\naddopts = -p pytest_asyncio.plugin -p xdist.plugin -p servicekit.testing.plugin"
            " --strict-markers -ra\n"
            "markers =\n    postgres: server\n    redis: server\n"
        )

    def start(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """
        Start it, with its own environment on top of ours, in a process group of its own.
        """
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_", "CI"))
        }
        return subprocess.Popen(
            [sys.executable, "-c", PYTEST, "-p", "no:cacheprovider", "-v", *arguments],
            cwd=self._folder,
            env={**environment, **ALONE, "NOTES": str(self.notes), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """
        Run it; its exit code, and what it printed.
        """
        with self.start(*arguments, **env) as process:
            try:
                output, _ = process.communicate(timeout=120)
            finally:
                process.kill()
        return process.returncode, output

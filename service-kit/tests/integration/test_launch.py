"""
What a container's first process does before its program has begun.
"""

import signal
import subprocess
import sys
from pathlib import Path

#: Tells that its imports have begun, which then take for ever.
IMPORTING = "import sys; print('importing', flush=True); sys.stdin.read()"
TELLING = "import sys; print(__name__, *sys.argv[1:], [m for m in sys.modules if 'servicekit.' in m]); sys.exit(7)"


def launching(folder: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    """
    A package of that ``__main__``, launched.
    """
    (folder / "program").mkdir()
    (folder / "program" / "__main__.py").write_text(text)
    return subprocess.Popen(
        [sys.executable, "-m", "servicekit.launch", "program", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_ends_by_sigterm_also_during_its_imports(tmp_path: Path) -> None:
    """
    By a handler, without which the first process of a container is given no signal, and as if the signal had ended it.
    """
    with launching(tmp_path, IMPORTING) as launched:
        assert launched.stdout
        assert launched.stdout.readline() == "importing\n"

        launched.send_signal(signal.SIGTERM)

        # By the signal itself, without a handler, it would be -15.
        assert launched.wait(60) == 128 + signal.SIGTERM


def test_it_is_the_program_that_it_launches(tmp_path: Path) -> None:
    """
    The program sees its own arguments and nothing else of the kit, and its exit code is the process's.
    """
    with launching(tmp_path, TELLING, "serve", "--fast") as launched:
        told, _ = launched.communicate(timeout=60)

    assert (told, launched.returncode) == ("__main__ serve --fast []\n", 7)

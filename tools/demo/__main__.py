"""
``python -m tools.demo run`` runs the demo until Ctrl-C; ``clean`` forgets what it has stored.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.demo.instance import forget
from tools.demo.runner import run_demo
from tools.demo.services import SERVICES
from tools.demo.settings import DemoProblem, DemoSettings
from tools.demo.tether import die_with_parent


def main(arguments: Sequence[str]) -> int:
    """
    The exit code: 0 when the demo ran and was stopped, 1 with one clear line otherwise.
    """
    chosen = _parser().parse_args(arguments)
    root = Path(__file__).resolve().parents[2]
    try:
        demo = DemoSettings.from_environment(os.environ, root)
        if chosen.command == "clean":
            forget(root / ".data", root / ".data" / "demo")
        else:
            if chosen.with_parent:
                die_with_parent(os.getppid(), signal.SIGTERM)
            run_demo(SERVICES, demo, os.environ)
    except DemoProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the supervisor listens, or after it
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.demo")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the services until Ctrl-C")
    run.add_argument("--with-parent", action="store_true", help="stop when the caller ends")
    commands.add_parser("clean", help="remove everything that was stored")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

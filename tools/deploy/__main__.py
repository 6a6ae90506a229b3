"""
``python -m tools.deploy --overlay local --context NAME``: puts the shop on the cluster of that name.

Exit code 1 with what keeps it from that. Nothing is done without a context: the one that kubectl
happens to be set to is nobody's decision.
"""

import argparse
import sys
from collections.abc import Sequence

from tools.deploy.errors import DeployProblem
from tools.deploy.kubectl import Kubectl, contexts
from tools.deploy.placing import place, prepare, wait
from tools.k8s_check.rendering import FOLDER, OVERLAYS


def main(arguments: Sequence[str]) -> int:
    """
    Deploy as asked; returns the exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        _require_context(chosen.context)
        overlay = prepare(FOLDER / "overlays" / chosen.overlay, print)
        kubectl = Kubectl(chosen.context)
        place(overlay, kubectl, is_dry=chosen.dry_run, tell=print)
        if not (chosen.dry_run or chosen.no_wait):
            wait(overlay, kubectl, tell=print)
    except DeployProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _require_context(context: str) -> None:
    known = contexts()
    if context not in known:
        choice = ", ".join(known) or "none: your kubectl knows no cluster"
        asked = f"there is no context {context}" if context else "say which cluster"
        raise DeployProblem(f"{asked}: make deploy CONTEXT=..., one of {choice}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.deploy")
    parser.add_argument("--overlay", choices=OVERLAYS, default="local")
    parser.add_argument("--context", default="", help="the cluster, as kubectl knows it; required")
    parser.add_argument(
        "--dry-run", action="store_true", help="ask the API server, and change nothing"
    )
    parser.add_argument("--no-wait", action="store_true", help="return when it is applied")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

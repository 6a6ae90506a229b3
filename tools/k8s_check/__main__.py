"""
``python -m tools.k8s_check``: builds every overlay and says what is wrong with it, a line each.

Exit code 0 when nothing is. A machine that cannot build overlays fails; one without a second opinion says so, and fails
where CI=true.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from yaml import YAMLError

from tools.k8s_check import scan
from tools.k8s_check.checking import check
from tools.k8s_check.rendering import FOLDER, OVERLAYS, NotRendered, builder, render_copy, shop
from tools.k8s_check.shop import Finding


def main(arguments: Sequence[str]) -> int:
    """
    Check what is asked for; returns the exit code.
    """
    chosen = _parser().parse_args(arguments)
    if builder() is None:
        print("not done: everything: install kubectl or kustomize, which build the overlays")
        return 1
    try:
        return _judge(chosen)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (OSError, ValueError, YAMLError, subprocess.TimeoutExpired) as problem:
        # A folder that is none, a file that cannot be read: the reader's to mend, as a finding is.
        print(f"{chosen.folder}: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1


def _judge(chosen: argparse.Namespace) -> int:
    waived = scan.waivers(chosen.folder / "waivers.yaml")
    used: set[scan.Waiver] = set()
    findings = 0
    for name in chosen.overlay:
        found, now_used = _overlay(name, chosen.folder, waived)
        used |= now_used
        findings += _tell(name, found)
    if scan.is_here() and set(chosen.overlay) == set(OVERLAYS):
        unused = [each for each in waived if each not in used]
        what = "is waived, and nobody asks for it"
        findings += _tell("waivers.yaml", [Finding(each.test, what) for each in unused])
    if not scan.is_here():
        print(
            f"not done: the second opinion: {scan.PROGRAM} is not here (see tools/k8s_check/scan.py)"
        )
    is_halved = not scan.is_here() and os.environ.get("CI") == "true"
    return 1 if findings or is_halved else 0


def _overlay(
    name: str, folder: Path, waived: Sequence[scan.Waiver]
) -> tuple[list[Finding], set[scan.Waiver]]:
    """
    What is wrong with an overlay, and which waivers were used.
    """
    try:
        text = render_copy(name, folder)
    except NotRendered as reason:
        return [Finding("kustomization", str(reason))], set()
    found = check(shop(text, folder / "overlays" / name))
    if not scan.is_here():
        return found, set()
    said, used = scan.judge(scan.score(text), waived)
    return found + said, used


def _tell(name: str, findings: Sequence[Finding]) -> int:
    for each in findings:
        print(f"{name}: {each}")
    if not findings:
        print(f"{name}: nothing to complain about")
    return len(findings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.k8s_check", description=__doc__)
    parser.add_argument("overlay", nargs="*", default=OVERLAYS, help="by name; none: every one")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where overlays/ stands")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

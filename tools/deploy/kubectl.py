"""
One seam to kubectl: every call names the context, so that none goes to whatever cluster was used last.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.deploy.errors import DeployProblem

_SHOWN_LINES: Final = 20
_SHOWN_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Kubectl:
    """
    kubectl on one cluster. ``program`` is what is started.
    """

    context: str
    namespace: str = "storefront"
    program: str = "kubectl"

    def ask(self, *arguments: str, given: str | None = None, within_s: float = 120.0) -> str:
        """
        What it answers. Raises ``DeployProblem`` with the first of what it complains about.
        """
        command = [
            self.program,
            f"--context={self.context}",
            f"--namespace={self.namespace}",
            *arguments,
        ]
        return _run(command, arguments, given=given, within_s=within_s)


def contexts(program: str = "kubectl") -> Sequence[str]:
    """
    The clusters that this machine's configuration knows. Raises ``DeployProblem`` where it cannot be read.
    """
    arguments = ("config", "get-contexts", "--output=name")
    return _run([program, *arguments], arguments, given=None, within_s=30.0).split()


def _run(
    command: Sequence[str], arguments: Sequence[str], *, given: str | None, within_s: float
) -> str:
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=within_s, check=False
        )
    except FileNotFoundError:
        raise DeployProblem("kubectl is not here: install it, and try again") from None
    except subprocess.TimeoutExpired:
        raise DeployProblem(
            f"kubectl {' '.join(arguments)} took more than {within_s:g} s"
        ) from None
    if done.returncode != 0:
        raise DeployProblem(_short(done.stderr) or f"kubectl {' '.join(arguments)} failed")
    return done.stdout


def _short(complaint: str) -> str:
    lines = [line[:_SHOWN_LENGTH] for line in complaint.strip().splitlines()]
    return "\n".join(lines[:_SHOWN_LINES])

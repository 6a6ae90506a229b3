"""
A second opinion: kube-score, where it is installed, less what ``k8s/waivers.yaml`` gives a reason for.

``go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0`` brings it.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter

from tools.k8s_check.manifests import Node, read
from tools.k8s_check.shop import Finding

PROGRAM: Final = "kube-score"
#: The newest version whose rules it knows.
_KUBERNETES: Final = "v1.32"
_ALL_IS_WELL: Final = 10
_WITHIN_S: Final = 120
_WAIVERS: Final = TypeAdapter(list[dict[str, JsonValue]])


@dataclass(frozen=True, slots=True)
class Waiver:
    """
    A test that some objects, or all (``*``), need not pass.
    """

    test: str
    objects: frozenset[str]
    reason: str

    def covers(self, test: str, name: str) -> bool:
        """
        Whether it speaks of this.
        """
        return test == self.test and bool(self.objects & {"*", name})


def is_here() -> bool:
    """
    Whether this machine has the program.
    """
    return shutil.which(PROGRAM) is not None


def waivers(file: Path) -> list[Waiver]:
    """
    The file's rows; one without a reason is refused.
    """
    (document,) = read(file.read_text(encoding="utf-8"))
    rows = [Node(each) for each in _WAIVERS.validate_python(document["waivers"])]
    found = [
        Waiver(
            row["test"].text,
            frozenset(each.text for each in row["objects"]),
            row["reason"].text.strip(),
        )
        for row in rows
    ]
    for each in found:
        if not each.reason or not each.objects:
            raise ValueError(f"{file.name}: {each.test} is waived without a reason or an object")
    return found


def score(text: str) -> list[JsonValue]:
    """
    What the program says of a rendering.
    """
    done = subprocess.run(
        [PROGRAM, "score", "--output-format", "json", "--kubernetes-version", _KUBERNETES, "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    if not done.stdout.strip():
        raise ValueError(f"{PROGRAM} said nothing but: {done.stderr.strip()}")
    said: list[JsonValue] = json.loads(done.stdout)
    return said


def judge(said: Sequence[JsonValue], waived: Sequence[Waiver]) -> tuple[list[Finding], set[Waiver]]:
    """
    What is not waived, and the waivers that were used.
    """
    findings: list[Finding] = []
    used: set[Waiver] = set()
    for test, name, comment in _complaints(said):
        covering = [each for each in waived if each.covers(test, name)]
        used.update(covering)
        if not covering:
            findings.append(Finding(name, f"{PROGRAM}, {test}: {comment}"))
    return findings, used


def _complaints(said: Sequence[JsonValue]) -> Iterator[tuple[str, str, str]]:
    for scored in map(Node, said):
        name = f"{scored.at('type_meta', 'kind').text} {scored.at('object_meta', 'name').text}"
        for check in scored["checks"]:
            if not check["skipped"].value and (check["grade"].number or 0) < _ALL_IS_WELL:
                comments = "; ".join(each["summary"].text for each in check["comments"])
                yield check.at("check", "id").text, name, comments

"""
The lock files: complete, pinned, verifiable anywhere, and in step with the pyprojects.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.processes import ROOT
from tools.bootstrap.checkout import Checkout, Level
from tools.bootstrap.installers import pinned, without

CHECKOUT = Checkout(ROOT)
PIN = re.compile(r"([a-z0-9.-]+)==(\S+)(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def pins(level: Level) -> dict[str, str]:
    """
    Versions by package; fails on any line that is neither a pin nor a hash.
    """
    found: dict[str, str] = {}
    for line in CHECKOUT.lock_file(level).read_text(encoding="utf-8").splitlines():
        pin = PIN.fullmatch(line)
        if pin:
            assert pin[1] not in found, f"{pin[1]} is pinned twice"
            found[pin[1]] = pin[2]
        else:
            assert HASH.fullmatch(line), f"neither a pin nor a hash: {line!r}"
    return found


def wanted(level: Level) -> Iterator[Requirement]:
    """
    What the distributions and the dependency groups ask for, the house's own packages aside.
    """
    groups = ["build"] if level is Level.RUN else ["build", "dev"]
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [text for group in groups for text in root["dependency-groups"][group]]
    projects = [
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for folder in CHECKOUT.distributions()
    ]
    extras = {one["name"]: one.get("optional-dependencies", {}) for one in projects}
    texts += [text for one in projects for text in one["dependencies"]]
    for requirement in map(Requirement, texts):
        if not requirement.name.startswith("storefront-"):
            yield requirement
            continue
        own = extras[requirement.name]
        # For the tests, every extra is installed.
        chosen = own if level is Level.DEV else requirement.extras
        yield from (Requirement(text) for extra in chosen for text in own[extra])


@pytest.mark.parametrize("level", Level)
def test_every_package_is_pinned_with_hashes_and_nothing_else_is_said(level: Level) -> None:
    """
    No address of a registry, no path of a machine, no package without a hash.
    """
    lock = CHECKOUT.lock_file(level).read_text(encoding="utf-8")

    assert len(pins(level)) > 30
    assert "://" not in lock
    assert all("--hash=" in pinned(lock, name) for name in pins(level))


def test_the_dev_lock_agrees_with_the_runtime_lock() -> None:
    """
    Tests run the very versions that the services run.
    """
    assert pins(Level.RUN).items() <= pins(Level.DEV).items()


@pytest.mark.parametrize("level", Level)
def test_everything_that_is_asked_for_is_locked(level: Level) -> None:
    """
    Who adds a dependency and forgets `make lock` is told here.
    """
    locked = pins(level)

    missing = [
        str(requirement)
        for requirement in wanted(level)
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
        or canonicalize_name(requirement.name) not in locked
    ]

    assert not missing, "make lock"


@pytest.mark.parametrize("level", Level)
def test_nothing_is_locked_that_nobody_asks_for(level: Level) -> None:
    """
    Who drops a dependency and forgets `make lock` is told here.
    """
    needed: set[str] = set()
    waiting = [(need.name, frozenset(need.extras)) for need in wanted(level)]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        needed.add(canonicalize_name(name))
        for need in needs(name, extras):
            step = (need.name, frozenset(need.extras))
            if step not in seen:
                seen.add(step)
                waiting.append(step)

    unneeded = {name for name in pins(level).keys() - needed if is_installed(name)}

    assert not unneeded, "make lock"


def needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """
    What an installed package asks for here.
    """
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def is_installed(name: str) -> bool:
    """
    Whether the package is installed here: some are for other systems only.
    """
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def test_one_package_can_be_taken_out_of_a_lock() -> None:
    """
    What pins uv is found and left out as a whole; the rest stays as it was.
    """
    lock = "a==1 \\\n    --hash=sha256:aa\nuv==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\nuvicorn==3 \\\n    --hash=sha256:dd\n"

    assert pinned(lock, "uv") == "uv==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert (
        without(lock, "uv")
        == "a==1 \\\n    --hash=sha256:aa\nuvicorn==3 \\\n    --hash=sha256:dd\n"
    )

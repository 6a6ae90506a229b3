"""
``make up`` says whether the shop can have its two networks on this engine, and what to do where it cannot.
"""

import json
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.compose.subnets import PREFIX, PROJECT, WANTED, main

ROOT = Path(__file__).resolve().parents[2]
Docker = Callable[..., str]


def network(name: str, *subnets: str, project: str | None = None) -> dict[str, object]:
    """
    As ``docker network inspect`` prints one.
    """
    return {
        "Name": name,
        "IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets] or None},
        "Labels": {"com.docker.compose.project": project} if project else {},
    }


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    """
    Stands in for docker, with these networks.
    """

    def make(*networks: dict[str, object]) -> str:
        program = tmp_path / "docker"
        (tmp_path / "inspected").write_text(json.dumps(networks))
        program.write_text(
            f"#!{sys.executable}\nimport sys, pathlib\n"
            f"print(pathlib.Path({str(tmp_path / 'inspected')!r}).read_text() if 'inspect' in sys.argv else 'an-id')\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return str(program)

    return make


@pytest.mark.parametrize(
    "there",
    [
        [network("host"), network("bridge", "172.17.0.0/16", "fd00::/64")],
        [network("storefront_balanced", "10.213.86.0/28", project=PROJECT)],
        [network("somebody-elses", "10.213.87.0/24")],
        [network("above", "10.213.86.32/27")],
    ],
)
def test_a_shop_that_can_have_its_networks_is_let_be(
    docker: Docker, capsys: pytest.CaptureFixture[str], there: list[dict[str, object]]
) -> None:
    """
    Nothing is said where the addresses are free, or are this shop's since it was started before.
    """
    code = main({}, docker(*there))

    assert (code, capsys.readouterr().err) == (0, "")


def test_a_second_shop_is_told_whose_addresses_they_are_and_which_are_free(
    docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The networks in the way are named, and addresses proposed that nobody on the engine has.
    """
    there = docker(
        network("storefront_balanced", "10.213.86.0/28", project=PROJECT),
        network("storefront_accounts", "10.213.86.16/28", project=PROJECT),
        network("somebody-elses", "10.213.87.0/24"),
    )

    code = main({"COMPOSE_PROJECT_NAME": "second"}, there)

    told = capsys.readouterr().err
    assert code == 2
    assert "storefront_accounts, storefront_balanced on this engine" in told
    assert "export SUBNET_PREFIX=10.213.88\n" in told


def test_a_second_shop_with_addresses_of_its_own_is_let_be(
    docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was proposed is taken.
    """
    there = docker(network("storefront_balanced", "10.213.86.0/28", project=PROJECT))

    code = main({"COMPOSE_PROJECT_NAME": "second", "SUBNET_PREFIX": "10.213.88"}, there)

    assert (code, capsys.readouterr().err) == (0, "")


def test_a_prefix_that_is_none_is_told_in_a_line(
    docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    No traceback for a slip of the pen.
    """
    code = main({"SUBNET_PREFIX": "10.213.86.0/28"}, docker(network("bridge", "172.17.0.0/16")))

    told = capsys.readouterr().err
    assert code == 2
    assert told.startswith("SUBNET_PREFIX: 10.213.86.0/28 is not three numbers")


def test_without_an_engine_it_is_compose_who_says_so(tmp_path: Path) -> None:
    """
    What asks first does not stand in the way of a better word.
    """
    assert main({}, str(tmp_path / "no-docker")) == 0


def test_it_knows_what_the_file_wants() -> None:
    """
    The prefix, the two networks and the project are those of ``docker-compose.yml``.
    """
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    subnets = re.findall(r'subnet: "\$\{SUBNET_PREFIX:-([\d.]+)\}(\S+)"', text)
    assert subnets == [(PREFIX, end) for end in WANTED]
    assert f"\nname: {PROJECT}\n" in text

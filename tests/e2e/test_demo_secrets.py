"""
The demo's secrets: who can read them, how long they live, where they go.
"""

import json
import stat
from pathlib import Path

import pytest

from tests.e2e.conftest import StartDemo
from tools.demo.secrets_file import DemoSecrets, load_or_make
from tools.demo.services import SERVICES, environment, secret_names
from tools.demo.settings import DemoProblem, DemoSettings


def test_secrets_are_the_owners_only(start_demo: StartDemo, demo_folder: Path) -> None:
    """
    The folder can be entered and the file read by nobody else, whatever the umask says.
    """
    demo = start_demo("plain")
    demo.wait_until_ready()

    assert mode(demo_folder) == 0o700
    assert mode(demo_folder / "logs") == 0o700
    assert mode(demo_folder / "secrets.json") == 0o600
    assert mode(demo_folder / "lock") == 0o600


def test_secrets_stay_the_same_from_run_to_run(start_demo: StartDemo) -> None:
    """
    A password that was printed yesterday signs in today.
    """
    keys = []
    for _ in range(2):
        demo = start_demo("plain")
        demo.wait_until_ready()
        keys.append(demo.ask()["environment"]["KEY"])
        demo.press_ctrl_c()
        demo.exit_code()

    assert keys[0] == keys[1]
    assert len(keys[0]) >= 40


def test_secrets_reach_a_service_by_its_environment_only(
    start_demo: StartDemo, demo_folder: Path
) -> None:
    """
    No secret is an argument, which other users could see, nor is one logged; nor another's given.
    """
    demo = start_demo("plain", "plain")
    demo.wait_until_ready()
    told = demo.ask(0)
    key, others_key = told["environment"]["KEY"], demo.ask(1)["environment"]["KEY"]

    arguments = Path(f"/proc/{told['pid']}/cmdline").read_text(encoding="utf-8")
    log = (demo_folder / "logs" / "standin-0.log").read_text(encoding="utf-8")

    assert key not in arguments + log + demo.output
    assert others_key not in told["environment"].values()
    assert "SEED" not in told["environment"]


def test_a_users_environment_does_not_reach_the_services(start_demo: StartDemo) -> None:
    """
    A DATABASE_URL of the shell changes nothing; LOG_LEVEL, TZ and the like are passed on.
    """
    shell = {"DATABASE_URL": "postgresql://elsewhere", "AWS_SECRET": "x", "LOG_LEVEL": "WARNING"}
    demo = start_demo("plain", variables={**shell, "TZ": "UTC"})
    demo.wait_until_ready()

    given = demo.ask()["environment"]

    assert given["DATABASE_URL"].startswith("sqlite:///")
    assert "AWS_SECRET" not in given
    assert given["LOG_LEVEL"] == "WARNING"
    assert given["TZ"] == "UTC"


def test_missing_secrets_are_added_and_the_others_kept(tmp_path: Path) -> None:
    """
    A service that comes later gets its secret without changing anybody else's.
    """
    file = tmp_path / "secrets.json"
    before = load_or_make(file, ["password/a"])

    after = load_or_make(file, ["password/a", "password/b"])

    assert after["password/a"] == before["password/a"]
    assert set(after.below("password/")) == {"a", "b"}
    assert mode(file) == 0o600
    assert load_or_make(file, ["password/b"])["password/b"] == after["password/b"]


def test_a_secrets_file_that_others_can_read_is_closed(tmp_path: Path) -> None:
    """
    A file that was copied carelessly is the owner's again after the next start.
    """
    file = tmp_path / "secrets.json"
    load_or_make(file, ["a"])
    file.chmod(0o644)

    load_or_make(file, ["a"])

    assert mode(file) == 0o600


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_damaged_secrets_file_is_named(tmp_path: Path, content: str) -> None:
    """
    The line says which file it is and how to start anew; the file is left as it was.
    """
    file = tmp_path / "secrets.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(DemoProblem, match=r"secrets\.json is damaged\. `make clean-data`"):
        load_or_make(file, ["a"])
    assert file.read_text(encoding="utf-8") == content


def test_identity_is_told_everything_it_seeds() -> None:
    """
    The preparations get users' passwords and clients' secrets; the running service only its key.
    """
    demo = DemoSettings(folder=Path("/demo"), port_base=9000)
    (identity,) = (service for service in SERVICES if service.name == "identity-service")
    secrets = dict.fromkeys(secret_names(SERVICES), "s")

    seeding = environment(identity, SERVICES, demo, DemoSecrets(secrets), seeding=True)
    serving = environment(identity, SERVICES, demo, DemoSecrets(secrets), seeding=False)

    assert seeding["SEED_SHOPPER_PASSWORD"] == seeding["SEED_ADMIN_PASSWORD"] == "s"
    assert json.loads(seeding["SEED_CLIENTS"])["inventory-service"] == "s"
    assert serving["IDENTITY_KEY_SECRET"] == "s"
    assert serving["IDENTITY_SERVICE_URL"] == "http://127.0.0.1:9003"
    assert serving["DATABASE_URL"] == "sqlite:////demo/identity_service.db"
    assert not [name for name in serving if name.startswith("SEED_")]


def test_the_gateway_is_told_its_own_secret_alone() -> None:
    """
    It orders in its own name, lets guests write, and is believed by identity about addresses.
    """
    demo = DemoSettings(folder=Path("/demo"), port_base=9000)
    by_name = {service.name: service for service in SERVICES}
    secrets = DemoSecrets({name: f"secret of {name}" for name in secret_names(SERVICES)})

    told = {
        name: environment(service, SERVICES, demo, secrets, seeding=False)
        for name, service in by_name.items()
    }

    gateway = told["api-gateway"]
    assert gateway["ANONYMOUS_SCOPES"] == "read,write"
    assert gateway["PRICING_SERVICE_URL"] == "http://127.0.0.1:9002"
    assert [name for name, value in gateway.items() if "secret of" in value] == [
        "SERVICE_CLIENT_SECRET"
    ]
    assert gateway["SERVICE_CLIENT_SECRET"] == "secret of client/api-gateway"
    assert told["identity-service"]["TRUSTED_PROXIES"] == "127.0.0.1"
    assert "ANONYMOUS_SCOPES" not in told["inventory-service"] | told["pricing-service"]


def mode(path: Path) -> int:
    """
    Who may do what.
    """
    return stat.S_IMODE(path.stat().st_mode)

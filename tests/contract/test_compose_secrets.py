"""
The secrets of the shop in containers: what is made is what services and images read.
"""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from gateway.settings import Settings as GatewaySettings
from identity.clients.models import checked_secret
from identity.settings import Settings as IdentitySettings
from inventory.settings import Settings as InventorySettings
from pricing.settings import Settings as PricingSettings
from servicekit.settings import ServiceSettings, load
from tools.compose.make_secrets import main

READERS: dict[str, Callable[..., ServiceSettings]] = {
    "api-gateway": GatewaySettings,
    "inventory-service": InventorySettings,
    "pricing-service": PricingSettings,
    "identity-service": IdentitySettings,
    "seed-identity": IdentitySettings,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    The volumes, empty, as the container sees them.
    """
    for reader in (*READERS, "postgres", "redis", "grafana", "vault"):
        (tmp_path / reader).mkdir()
    return tmp_path


def all_files(folder: Path) -> dict[str, str]:
    """
    What every reader finds.
    """
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and file.parent.name != "vault"
    }


@pytest.mark.parametrize("reader", READERS)
def test_every_file_is_a_setting_of_its_reader(
    folder: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A service that is given its folder as SECRETS_DIR starts with it, and the folder holds nothing else.
    """
    main([], folder)
    monkeypatch.setenv("SECRETS_DIR", str(folder / reader))

    settings = load(READERS[reader])

    names = {file.name for file in (folder / reader).iterdir()}
    assert names <= set(type(settings).model_fields)
    assert make_url(settings.database_url).host == "postgres"


def test_the_database_knows_the_passwords_of_its_users(folder: Path) -> None:
    """
    Each service's role has the password that stands in the service's address, and no two share one.
    """
    main([], folder)

    passwords = set()
    for reader in READERS:
        address = make_url((folder / reader / "database_url").read_text())
        kept = (folder / "postgres" / f"{address.username}_password").read_text()
        assert (address.password, address.database) == (kept, address.username)
        passwords.add(kept)
    assert len(passwords) == 4


def test_identity_is_told_the_secrets_of_its_clients(folder: Path) -> None:
    """
    What the seed makes known is what the gateway shows, and strong enough to be taken.
    """
    main([], folder)

    clients = json.loads((folder / "seed-identity" / "seed_clients").read_text())
    assert clients["api-gateway"] == (folder / "api-gateway" / "service_client_secret").read_text()
    assert [checked_secret(secret) for secret in clients.values()] == list(clients.values())


def test_only_the_seed_reads_peoples_passwords(folder: Path) -> None:
    """
    No service that stays up holds a person's password.
    """
    main([], folder)

    contents = all_files(folder)
    people = {
        text
        for name, text in contents.items()
        if name.startswith("seed-identity/seed_") and name.endswith("_password")
    }
    others = {text for name, text in contents.items() if not name.startswith("seed-identity/")}
    assert len(people) == 3
    assert not people & others


def test_a_second_run_changes_nothing(folder: Path) -> None:
    """
    Secrets are made once: databases and people have taken them over.
    """
    main([], folder)
    first = all_files(folder)

    main([], folder)

    assert all_files(folder) == first


def test_what_was_lost_is_written_again(folder: Path) -> None:
    """
    A reader whose volume was forgotten gets the same secrets, and so fits the others still.
    """
    main([], folder)
    first = all_files(folder)
    for file in (folder / "api-gateway").iterdir():
        file.unlink()

    main([], folder)

    assert all_files(folder) == first


def test_readers_may_read_and_nobody_may_write(folder: Path) -> None:
    """
    Files are readable for whichever user a container runs as; what all is made from, for this program only.
    """
    main([], folder)

    modes = {
        file.parent.name == "vault": stat.S_IMODE(file.stat().st_mode)
        for file in folder.rglob("*")
        if file.is_file()
    }
    assert modes == {True: 0o600, False: 0o444}


def test_people_are_shown_how_to_sign_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``show`` prints each person's password, and nothing that is a service's.
    """
    main([], folder)
    assert capsys.readouterr().out == ""

    main(["show"], folder)

    shown = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    password = (folder / "seed-identity" / "seed_shopper_password").read_text()
    assert list(shown) == ["shopper", "merchant", "admin", "grafana's admin"]
    assert shown["shopper"] == password


def test_another_word_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A command that is none makes nothing and says what there is.
    """
    code = main(["forget"], folder)

    assert code == 2
    assert "usage" in capsys.readouterr().err
    assert not all_files(folder)


def test_new_secrets_do_not_take_the_place_of_old_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Where what they were made from is lost, what databases know is kept, and somebody is told what to do.
    """
    main([], folder)
    before = all_files(folder)
    (folder / "vault" / "secrets.json").unlink()

    code = main([], folder)

    assert code == 3
    assert all_files(folder) == before
    assert "--volumes" in capsys.readouterr().err

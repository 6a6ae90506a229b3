"""
Makes the secrets of the shop in containers, once: a folder below ``/secrets`` for each container that
reads some, in volumes of their own. ``make_secrets.py show`` prints how people sign in.

They live as long as the databases that know them: ``docker compose down --volumes`` forgets both.
Standard library only; runs in a service's image.
"""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

_FOLDER: Final = Path("/secrets")
#: In PostgreSQL a database and the role that owns it have one name.
DATABASES: Final = {
    "api-gateway": "gateway_service",
    "inventory-service": "inventory_service",
    "pricing-service": "pricing_service",
    "identity-service": "identity_service",
}
SERVICE_CLIENTS: Final = ("api-gateway", "inventory-service", "pricing-service")
PEOPLE: Final = ("shopper", "merchant", "admin")

#: What each reader's folder holds: file names and their contents.
Files = Mapping[str, Mapping[str, str]]


class Vault:
    """
    The random values from which all else is made, kept where only this program reads.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def __getitem__(self, name: str) -> str:
        """
        The value of this name, made now if it is new.
        """
        return self._kept.setdefault(name, secrets.token_urlsafe(32))

    def save(self) -> None:
        """
        Keeps the values, whole or not at all.
        """
        unfinished = self._file.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(self._kept, indent=2, sort_keys=True))
        unfinished.replace(self._file)


def files(vault: Vault) -> Files:
    """
    Every reader's secrets, by the names under which services and images look for them.
    """
    databases = {
        service: database_url(name, vault[f"database/{name}"])
        for service, name in DATABASES.items()
    }
    redis = vault["redis"]
    identity = {
        "database_url": databases["identity-service"],
        "identity_key_secret": vault["identity-key"],
    }
    return {
        "api-gateway": {
            "database_url": databases["api-gateway"],
            "service_client_secret": vault["client/api-gateway"],
        },
        "inventory-service": {"database_url": databases["inventory-service"]},
        "pricing-service": {
            "database_url": databases["pricing-service"],
            "redis_url": redis_url(redis),
        },
        "identity-service": identity,
        "seed-identity": {
            **identity,
            **{f"seed_{person}_password": vault[f"password/{person}"] for person in PEOPLE},
            "seed_clients": json.dumps({name: vault[f"client/{name}"] for name in SERVICE_CLIENTS}),
        },
        "postgres": {
            "postgres_password": vault["database/postgres"],
            **{f"{name}_password": vault[f"database/{name}"] for name in DATABASES.values()},
        },
        "redis": {"redis_password": redis},
        "grafana": {"grafana_admin_password": vault["password/grafana"]},
    }


def database_url(name: str, password: str) -> str:
    """
    Where a service finds its database, and as whom.
    """
    return f"postgresql://{name}:{quote(password, safe='')}@postgres:5432/{name}"


def redis_url(password: str) -> str:
    """
    Where prices are kept for a while.
    """
    return f"redis://:{quote(password, safe='')}@redis:6379/0"


def write(folder: Path, wanted: Files) -> None:
    """
    Writes what is not there yet or differs. Readers run as other users, hence the mode; what keeps the
    rest out is that nobody else has the volume.
    """
    for reader, contents in wanted.items():
        for name, content in contents.items():
            file = folder / reader / name
            if not file.exists() or file.read_text() != content:
                unfinished = file.with_name(f".{name}.new")
                unfinished.write_text(content)
                unfinished.chmod(0o444)
                unfinished.replace(file)


def is_lost(folder: Path) -> bool:
    """
    Whether readers have secrets that nobody has made: databases know those, and no others.
    """
    has_vault = (folder / "vault" / "secrets.json").exists()
    return not has_vault and any(file.is_file() for file in folder.glob("*/*"))


def main(arguments: Sequence[str], folder: Path = _FOLDER) -> int:
    """
    The exit code: 0, 2 for a command that is none, 3 where new secrets would fit nothing that is there.
    """
    if is_lost(folder):
        print(
            "The volume `vault` is empty, and the services' secrets are there: new ones would not fit their databases. "
            "Put the volume back, or forget secrets and data together: docker compose down --volumes",
            file=sys.stderr,
        )
        return 3
    vault = Vault(folder / "vault" / "secrets.json")
    match arguments:
        case []:
            wanted = files(vault)
            # Kept first: a password that a database has taken over must never be forgotten.
            vault.save()
            write(folder, wanted)
        case ["show"]:
            people = {person: vault[f"password/{person}"] for person in PEOPLE}
            rows = {**people, "grafana's admin": vault["password/grafana"]}
            vault.save()
            print("\n".join(f"{who:<16} {password}" for who, password in rows.items()))
        case _:
            print("usage: make_secrets.py [show]", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

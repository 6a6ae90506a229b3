"""
The secrets of the local overlay: made once by the system's random source, then kept in files of the owner only.

Kustomize reads files of the overlay's own folder, so they lie in its ``secrets/``, which git does not see. What is
there stays; PostgreSQL takes its passwords when its volume is made, and never again.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.compose.make_secrets import (
    DATABASES,
    PEOPLE,
    SERVICE_CLIENTS,
    database_url,
    redis_url,
)

HOST: Final = "storefront.localhost"
#: Browsers refuse certificates that live longer.
_CERTIFICATE_LIVES: Final = timedelta(days=397)

#: Makes a secret out of those that stand before it in the table.
Make = Callable[[Mapping[str, str]], str]


def _random(_made: Mapping[str, str]) -> str:
    return secrets.token_urlsafe(32)


def _database_url(database: str) -> Make:
    return lambda made: database_url(database, made[f"postgres/{database}_password"])


def _clients(made: Mapping[str, str]) -> str:
    gateway = made["api-gateway/service_client_secret"]
    return json.dumps(
        {name: gateway if name == "api-gateway" else _random(made) for name in SERVICE_CLIENTS}
    )


def _key(_made: Mapping[str, str]) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _certificate(made: Mapping[str, str]) -> str:
    key = serialization.load_pem_private_key(made["tls/tls.key"].encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # the row above makes no other
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _CERTIFICATE_LIVES)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


#: Every file with how it is made; a row may use those above it.
FILES: Final[Mapping[str, Make]] = {
    "postgres/postgres_password": _random,
    **{f"postgres/{database}_password": _random for database in DATABASES.values()},
    **{f"{service}/database_url": _database_url(name) for service, name in DATABASES.items()},
    "redis/redis_password": _random,
    "pricing-service/redis_url": lambda made: redis_url(made["redis/redis_password"]),
    "api-gateway/service_client_secret": _random,
    "identity-service/identity_key_secret": _random,
    "identity-seed/seed_clients": _clients,
    **{f"identity-seed/seed_{person}_password": _random for person in PEOPLE},
    "tls/tls.key": _key,
    "tls/tls.crt": _certificate,
}


def make_missing(folder: Path) -> list[str]:
    """
    Make the files that are not there; returns their names below ``folder``.
    """
    made: dict[str, str] = {}
    new: list[str] = []
    for name, make in FILES.items():
        file = folder / name
        if file.is_file():
            made[name] = file.read_text(encoding="utf-8")
        else:
            made[name] = make(made)
            _write(folder, file, made[name])
            new.append(name)
    return new


def _write(folder: Path, file: Path, text: str) -> None:
    for each in (folder, file.parent):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    unfinished.replace(file)

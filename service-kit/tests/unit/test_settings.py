"""
Every setting is refused with one clear line when it is wrong.
"""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from servicekit.settings import ServiceName, ServiceSettings, SettingsError, example_env, load


class Settings(ServiceSettings):
    """
    A service's own settings, with a secret that has no default.
    """

    service_name: ServiceName = "sample-service"
    sample_secret: Annotated[SecretStr, Field(description="Signs things; secret")]


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No ``.env`` lies about, and nothing but what a test sets is set.
    """
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SAMPLE_SECRET", "not-for-logs-0123456789")


WRONG = {
    "SERVICE_NAME": ["Not A Name", "x", "9lives"],
    "SERVICE_VERSION": ["v" * 65],
    "SERVICE_PORT": ["0", "65536", "eighty", "-1"],
    "DEBUG": ["perhaps"],
    "LOG_LEVEL": ["LOUD", "info"],
    "LOG_FORMAT": ["xml"],
    "DATABASE_URL": ["mysql://u:hunter2@db/x", "nonsense"],
    "DATABASE_POOL_SIZE": ["0", "many", "201"],
    "DATABASE_MAX_OVERFLOW": ["-1", "201"],
    "REDIS_URL": ["http://u:hunter2@redis", "redis"],
    "REDIS_HOST": ["redis://h", "a b"],
    "REDIS_PORT": ["0", "65536"],
    "REDIS_MAX_CONNECTIONS": ["0"],
    "IDENTITY_SERVICE_URL": [
        "ftp://identity",
        "identity:8003",
        "http://u:hunter2@identity",
        "http://h:abc",
        "http://h:99999",
        "http://h/?x=1",
    ],
    "JWT_ALGORITHM": ["none", "RS256"],
    "ACCESS_TOKEN_EXPIRE_MINUTES": ["0", "1441"],
    "ANONYMOUS_SCOPES": ["read,everything", "admin"],
    "REQUEST_TIMEOUT_SECONDS": ["0", "-1", "nan", "301"],
    "MAX_BODY_BYTES": ["10", "-1"],
    "TRUSTED_PROXIES": ["everyone", "10.0.0.1/99"],
    "DRAIN_DELAY_SECONDS": ["-1", "301"],
    "DRAIN_TIMEOUT_SECONDS": ["-1", "601"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["collector:4318"],
    "OTEL_TRACES_SAMPLER_ARG": ["-0.1", "1.1", "nan", "always_on"],
    "TRACES_PER_SECOND": ["0", "-1", "nan", "inf"],
    "TRACEPARENT_FROM": ["everybody"],
}
#: Fields of which any text is right, or whose rule spans two fields and is tested by itself.
FREE = {
    "SERVICE_HOST",
    "JWT_SECRET_KEY",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "SAMPLE_SECRET",
}


def test_the_table_of_wrong_values_is_complete() -> None:
    """
    No setting is forgotten here.
    """
    assert set(WRONG) | FREE == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_a_wrong_value_is_one_clear_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A wrong value stops the start with one line that names its variable and repeats no value.
    """
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load(Settings)

    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line
    assert "hunter2" not in line


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An operator need not mend one fault to learn of the next.
    """
    monkeypatch.setenv("SERVICE_PORT", "eighty")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")

    with pytest.raises(SettingsError, match=r"SERVICE_PORT: .*; LOG_LEVEL: "):
        load(Settings)


def test_a_secret_has_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without its secret a service does not start.
    """
    monkeypatch.delenv("SAMPLE_SECRET")

    with pytest.raises(SettingsError, match=r"^SAMPLE_SECRET: is required$"):
        load(Settings)


def test_an_unknown_name_in_the_env_file_is_refused() -> None:
    """
    A name that no setting has is a slip, and is told.
    """
    Path(".env").write_text("SERVICE_PROT=8001\n")

    with pytest.raises(SettingsError, match=r"^SERVICE_PROT: is no setting of this service$"):
        load(Settings)


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    ``.env`` gives values; the environment overrides them.
    """
    Path(".env").write_text("SERVICE_PORT=8001\nLOG_LEVEL=ERROR\n")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    settings = load(Settings)

    assert (settings.service_port, settings.log_level) == (8001, "DEBUG")


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder of secret files serves as well as the environment.
    """
    monkeypatch.delenv("SAMPLE_SECRET")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "sample_secret").write_text("from-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))

    assert load(Settings).sample_secret.get_secret_value() == "from-a-file"


def test_a_missing_secrets_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A mistyped folder is not passed over in silence.
    """
    monkeypatch.setenv("SECRETS_DIR", "nowhere")

    with pytest.raises(SettingsError, match=r"^SECRETS_DIR: is not a folder$"):
        load(Settings)


@pytest.mark.parametrize("secret", ["", "short", "ü" * 15])
def test_hs256_needs_a_strong_secret(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The shared secret has at least 256 bits where tokens rest on it.
    """
    monkeypatch.setenv("JWT_ALGORITHM", "HS256")
    monkeypatch.setenv("JWT_SECRET_KEY", secret)

    with pytest.raises(SettingsError, match=r"^JWT_SECRET_KEY must have at least 32 bytes"):
        load(Settings)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Printing the settings shows no secret.
    """
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@db/shop")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@cache/0")

    shown = repr(load(Settings))

    assert "not-for-logs" not in shown
    assert "hunter2" not in shown


def test_settings_are_frozen() -> None:
    """
    Nobody changes a setting while the service runs.
    """
    settings = load(Settings)

    with pytest.raises(ValueError, match="frozen"):
        settings.service_port = 1  # type: ignore[misc]  # the point of the test


def test_the_database_is_named_after_the_service() -> None:
    """
    By default the database is a file of the service's own.
    """
    assert load(Settings).database_url == "sqlite:///.data/sample_service.db"


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({}, None),
        ({"REDIS_HOST": "cache"}, "redis://cache:6379/0"),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "7"}, "redis://cache:7/0"),
        ({"REDIS_HOST": "cache", "REDIS_URL": "redis://other/1"}, "redis://other/1"),
    ],
)
def test_redis_is_found_either_way(
    env: dict[str, str], address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Redis is given by an address or by host and port; the address wins.
    """
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert load(Settings).redis_address == address


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A list is written as people write it.
    """
    monkeypatch.setenv("ANONYMOUS_SCOPES", "read, write")

    assert load(Settings).anonymous_scopes == ("read", "write")


def test_the_example_lists_every_setting() -> None:
    """
    ``.env.example`` is made of the settings, each with its meaning.
    """
    text = example_env(Settings)

    for name, field in Settings.model_fields.items():
        assert f"{name.upper()}=" in text
        assert field.description
        assert field.description in text
    assert "\nSAMPLE_SECRET=\n" in text


def test_the_example_is_accepted_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A copy of the example, its secrets filled in, starts a service with the defaults.
    """
    monkeypatch.delenv("SAMPLE_SECRET")
    expected = Settings(sample_secret=SecretStr("s"))
    text = example_env(Settings).replace("\n#", "\n").replace("SAMPLE_SECRET=", "SAMPLE_SECRET=s")
    lines = [line for line in text.splitlines() if line.split("=")[0].isupper() and "=" in line]
    Path(".env").write_text("\n".join(lines))

    assert load(Settings) == expected

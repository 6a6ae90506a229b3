"""
One frozen ``Settings`` per service: every value that a deployment may choose.

A service derives its own class from :class:`ServiceSettings` and reads it once,
by :func:`load`. A value that is unknown, malformed or impossible stops the
start with one line that names the variable and never repeats a value, since it
may be a secret. Each field's description states its meaning and unit;
:func:`example_env` prints them, and a test holds ``.env.example`` to it. The file is long
so that every setting that all services share stands on one page.
"""

import os
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError

from servicekit.database_url import normalised_url
from servicekit.redis_url import valid_url

#: HS256 is no stronger than its secret; RFC 7518, section 3.2 asks for 256 bits.
MIN_SECRET_BYTES = 32


class SettingsError(Exception):
    """
    The service cannot start as it is configured. The message is one line for the operator.
    """


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as http://host:port")
    if parts.username or parts.password:
        raise ValueError("must not carry a user name or password")
    if parts.query or parts.fragment or parts.port == 0:
        raise ValueError("must be an address without a query, such as http://host:port")
    return value.rstrip("/")


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ip_network(value)
    return values


def _database_url(value: str) -> str:
    normalised_url(value)
    return value


# What a service's own class gives another default, with its rules and description.
ServiceName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{1,62}$",
        description="The name in logs, metrics and calls to other services",
    ),
]
ServiceVersion = Annotated[
    str, Field(min_length=1, max_length=64, description="The version that /health reports")
]
ServicePort = Annotated[int, Field(ge=1, le=65535, description="The port to listen on")]
TraceparentFrom = Annotated[
    Literal["services", "strangers"],
    Field(
        description="Who calls. services: they say whether a trace that they have begun is recorded; "
        "strangers: it keeps its id, and is chosen from as if it began here"
    ),
]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
#: A list that is written with commas in the environment.
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


class ServiceSettings(BaseSettings):
    """
    What every service can be told. Names in the environment are the fields' in capitals.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        case_sensitive=False,
        hide_input_in_errors=True,
    )

    service_name: ServiceName = "service"
    service_version: ServiceVersion = "0.1.0"
    service_host: Annotated[
        str, Field(min_length=1, description="The address to listen on; 0.0.0.0 in a container")
    ] = "127.0.0.1"
    service_port: ServicePort = 8000
    debug: Annotated[bool, Field(description="Log more; answers stay the same")] = False
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        Field(description="The lowest level that is logged"),
    ] = "INFO"
    log_format: Annotated[
        Literal["json", "readable"], Field(description="json for machines, readable for people")
    ] = "json"

    database_url: Annotated[
        str,
        AfterValidator(_database_url),
        Field(repr=False, description="sqlite:///path or postgresql://user:password@host/name"),
    ] = ""
    database_pool_size: Annotated[
        int, Field(ge=1, le=200, description="Connections that are kept open (PostgreSQL)")
    ] = 5
    database_max_overflow: Annotated[
        int, Field(ge=0, le=200, description="Connections above the pool in a rush (PostgreSQL)")
    ] = 10

    redis_url: Annotated[
        str | None,
        AfterValidator(lambda value: value and valid_url(value)),
        Field(repr=False, description="redis://host:port/0; none: no Redis is used"),
    ] = None
    redis_host: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9._-]+$", description="Instead of REDIS_URL, with REDIS_PORT"),
    ] = None
    redis_port: Annotated[int, Field(ge=1, le=65535, description="Used with REDIS_HOST")] = 6379
    redis_max_connections: Annotated[
        int, Field(ge=1, le=10_000, description="Connections to Redis at most")
    ] = 50

    identity_service_url: Annotated[
        HttpUrl, Field(description="Where keys and service tokens come from")
    ] = "http://127.0.0.1:8003"
    jwt_algorithm: Annotated[
        Literal["EdDSA", "HS256"], Field(description="The one algorithm that tokens may use")
    ] = "EdDSA"
    jwt_secret_key: Annotated[
        SecretStr | None, Field(description="The shared secret of HS256, at least 32 bytes; secret")
    ] = None
    jwt_issuer: Annotated[str, Field(min_length=1, description="Who signs tokens (iss)")] = (
        "storefront-identity"
    )
    jwt_audience: Annotated[str, Field(min_length=1, description="Whom tokens are for (aud)")] = (
        "storefront"
    )
    access_token_expire_minutes: Annotated[
        int, Field(ge=1, le=1440, description="How long an access token lives; minutes")
    ] = 15
    anonymous_scopes: Annotated[
        tuple[Literal["read", "write"], ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="What a caller without a token may do; comma-separated"),
    ] = ("read",)

    request_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=300, description="A request's deadline unless its caller asks for less; s"),
    ] = 30.0
    max_body_bytes: Annotated[
        int, Field(ge=1024, le=2**30, description="The largest body that is read; bytes")
    ] = 1_048_576
    trusted_proxies: Annotated[
        CommaSeparated,
        AfterValidator(_networks),
        Field(description="Addresses or networks whose X-Forwarded-For is believed"),
    ] = ()
    drain_delay_seconds: Annotated[
        float,
        Field(ge=0, le=300, description="How long a stopping service still accepts requests; s"),
    ] = 0.0
    drain_timeout_seconds: Annotated[
        float,
        Field(ge=0, le=600, description="How long it then waits for requests in progress; s"),
    ] = 20.0
    otel_exporter_otlp_endpoint: Annotated[
        HttpUrl | None, Field(description="Where traces go (OTLP over HTTP); none: not traced")
    ] = None
    otel_traces_sampler_arg: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            allow_inf_nan=False,
            description="The share of the traces that begin here that is recorded",
        ),
    ] = 1.0
    traces_per_second: Annotated[
        float,
        Field(
            gt=0,
            le=1_000_000,
            allow_inf_nan=False,
            description="How many of the traces that begin here are recorded in a second, at most",
        ),
    ] = 100.0
    traceparent_from: TraceparentFrom = "services"

    @model_validator(mode="before")
    @classmethod
    def _default_database(cls, values: dict[str, object]) -> dict[str, object]:
        """
        Databases are named ``<service>_service``; by default a file under ``.data/``.
        """
        if not values.get("database_url"):
            name = str(values.get("service_name") or cls.model_fields["service_name"].default)
            stem = name.removesuffix("-service").replace("-", "_")
            values["database_url"] = f"sqlite:///.data/{stem}_service.db"
        return values

    @model_validator(mode="after")
    def _shared_secret_is_strong(self) -> Self:
        if self.jwt_algorithm == "HS256":
            secret = self.jwt_secret_key
            if secret is None or len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
                raise ValueError(
                    f"JWT_SECRET_KEY must have at least {MIN_SECRET_BYTES} bytes for HS256"
                )
        return self

    @property
    def redis_address(self) -> str | None:
        """
        Where Redis is, by whichever way it was given; None where none is used.
        """
        if self.redis_url or not self.redis_host:
            return self.redis_url
        return f"redis://{self.redis_host}:{self.redis_port}/0"


class ServiceClientSettings(ServiceSettings):
    """
    For a service that calls others in its own name: what it shows to the identity service.
    """

    service_client_id: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9-]{1,62}$",
            description="This service's client id at the identity service; none: its SERVICE_NAME",
        ),
    ] = None
    service_client_secret: Annotated[
        SecretStr | None,
        Field(description="Its client secret there; none: it calls nobody in its name; secret"),
    ] = None

    @property
    def own_client_id(self) -> str:
        """
        The client id by which this service is known to identity.
        """
        return self.service_client_id or self.service_name


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: Callable[..., S]) -> S:
    """
    The settings from the environment, from ``.env`` in the working directory, and from the
    files of the folder that ``SECRETS_DIR`` names (one file a secret, named as the field).

    Raises :class:`SettingsError` with one line that names every faulty variable.
    """
    folder = os.environ.get("SECRETS_DIR")
    if folder and not Path(folder).is_dir():
        raise SettingsError("SECRETS_DIR: is not a folder")
    try:
        return settings_class(_env_file=".env", _secrets_dir=folder)
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except SourceError as error:
        raise SettingsError(" ".join(str(error).split())) from None


def _one_line(error: ValidationError) -> str:
    faults: dict[str, str] = {}
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else ""
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "is no setting of this service"
        elif fault["type"] == "missing":
            message = "is required"
        faults.setdefault(name, message[:1].lower() + message[1:] if name else message)
    return "; ".join(f"{name}: {text}" if name else text for name, text in faults.items())


def example_env(settings_class: type[BaseSettings]) -> str:
    """
    The text of ``.env.example``: every setting with its description and its default.
    """
    lines = [
        "# Every setting with its default. Copy to .env and change what you need;",
        "# a line that starts with # stands for the default.",
    ]
    for name, field in settings_class.model_fields.items():
        lines += ["", f"# {field.description}", _example_line(name.upper(), field)]
    return "\n".join(lines) + "\n"


def _example_line(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return f"{name}="
    default: object = field.default
    if default is None or default == "":
        return f"#{name}="
    if isinstance(default, tuple | frozenset):
        default = ",".join(sorted(default))
    if isinstance(default, bool):
        default = str(default).lower()
    return f"#{name}={default}"

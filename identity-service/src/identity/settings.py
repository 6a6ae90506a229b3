"""
What the identity service can be told, on top of what every service can.
"""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from identity.keys.models import KeyPolicy
from identity.passwords import HashCost
from identity.throttle.models import ThrottlePolicy
from identity.tokens.models import TokenLives
from servicekit.settings import ServiceName, ServicePort, ServiceSettings

MIN_KEY_SECRET_LENGTH = 32
#: Verifiers keep the key set for this long before they ask again; see the JWKS route.
JWKS_MAX_AGE_S = 300


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_KEY_SECRET_LENGTH:
        raise ValueError(f"must have at least {MIN_KEY_SECRET_LENGTH} characters")
    return secret


KeySecret = Annotated[SecretStr, AfterValidator(_long_enough)]


class Settings(ServiceSettings):
    """
    The identity service's settings.
    """

    service_name: ServiceName = "identity-service"
    service_port: ServicePort = 8003

    identity_key_secret: Annotated[
        KeySecret,
        Field(
            description="Seals the signing keys in the database; at least 32 characters; secret, "
            "the same on every replica, without a default"
        ),
    ]
    identity_key_secret_previous: Annotated[
        KeySecret | None,
        Field(description="The secret before it, once, to seal the keys anew; secret"),
    ] = None

    key_rotation_days: Annotated[
        int, Field(ge=1, le=365, description="How long a signing key signs; days")
    ] = 30
    key_publication_delay_seconds: Annotated[
        int,
        Field(
            ge=2 * JWKS_MAX_AGE_S,
            le=86_400,
            description="How long a new key is published before it signs, so that every verifier "
            "has it; seconds",
        ),
    ] = 900
    key_reload_seconds: Annotated[
        int, Field(ge=1, le=300, description="How soon a replica publishes another's new key; s")
    ] = 30

    refresh_token_expire_days: Annotated[
        int, Field(ge=1, le=365, description="How long a sign-in lasts at most; days")
    ] = 30
    refresh_token_idle_days: Annotated[
        int, Field(ge=1, le=365, description="How long a sign-in lasts unused; days")
    ] = 7

    password_hash_memory_kib: Annotated[
        int, Field(ge=65_536, le=1_048_576, description="Memory of one argon2id hash; KiB")
    ] = 65_536
    password_hash_passes: Annotated[
        int, Field(ge=3, le=20, description="Passes of one argon2id hash over its memory")
    ] = 3
    password_hash_lanes: Annotated[
        int, Field(ge=1, le=16, description="Lanes of one argon2id hash")
    ] = 4
    password_hash_threads: Annotated[
        int, Field(ge=1, le=32, description="Hashes that are computed at the same time")
    ] = 2
    password_hash_queue: Annotated[
        int, Field(ge=0, le=1_000, description="Sign-ins that wait for a hash; more get 503")
    ] = 32

    sign_in_account_failures: Annotated[
        int, Field(ge=1, le=100, description="Failures at one account before it has to wait")
    ] = 5
    sign_in_address_failures: Annotated[
        int, Field(ge=1, le=10_000, description="Failures from one address before it has to wait")
    ] = 50
    sign_in_window_seconds: Annotated[
        int, Field(ge=1, le=86_400, description="After how long a failure is forgotten; seconds")
    ] = 900
    sign_in_first_pause_seconds: Annotated[
        int, Field(ge=1, le=3_600, description="The first pause; each further doubles it; seconds")
    ] = 1
    sign_in_max_pause_seconds: Annotated[
        int, Field(ge=1, le=3_600, description="The longest pause; seconds")
    ] = 300
    sign_in_trust_days: Annotated[
        int,
        Field(
            ge=1,
            le=365,
            description="How long an address from which an account has signed in is not kept "
            "waiting for what others do to that account; days",
        ),
    ] = 30

    maintenance_interval_seconds: Annotated[
        float, Field(ge=1, le=3_600, description="How often keys and expired rows are seen to; s")
    ] = 60.0

    seed_shopper_password: Annotated[
        SecretStr | None, Field(description="For seed: the password of the user shopper; secret")
    ] = None
    seed_merchant_password: Annotated[
        SecretStr | None, Field(description="For seed: the password of the user merchant; secret")
    ] = None
    seed_admin_password: Annotated[
        SecretStr | None, Field(description="For seed: the password of the user admin; secret")
    ] = None
    seed_clients: Annotated[
        dict[str, SecretStr],
        Field(description="For seed: a JSON object, client id to secret; secret"),
    ] = {}  # noqa: RUF012  # pydantic copies a default for each instance

    @model_validator(mode="after")
    def _idle_within_life(self) -> Self:
        if self.refresh_token_idle_days > self.refresh_token_expire_days:
            raise ValueError("REFRESH_TOKEN_IDLE_DAYS must not exceed REFRESH_TOKEN_EXPIRE_DAYS")
        if self.sign_in_first_pause_seconds > self.sign_in_max_pause_seconds:
            raise ValueError(
                "SIGN_IN_FIRST_PAUSE_SECONDS must not exceed SIGN_IN_MAX_PAUSE_SECONDS"
            )
        return self

    @property
    def shared_secret(self) -> str:
        """
        The secret of HS256; empty where none is given.
        """
        return self.jwt_secret_key.get_secret_value() if self.jwt_secret_key else ""

    @property
    def token_lives(self) -> TokenLives:
        """
        How long tokens are good.
        """
        return TokenLives(
            access=timedelta(minutes=self.access_token_expire_minutes),
            family=timedelta(days=self.refresh_token_expire_days),
            family_idle=timedelta(days=self.refresh_token_idle_days),
        )

    @property
    def key_policy(self) -> KeyPolicy:
        """
        When signing keys change.
        """
        return KeyPolicy(
            rotate_every=timedelta(days=self.key_rotation_days),
            publication_delay=timedelta(seconds=self.key_publication_delay_seconds),
            token_life=timedelta(minutes=self.access_token_expire_minutes),
            reload_every=timedelta(seconds=self.key_reload_seconds),
        )

    @property
    def hash_cost(self) -> HashCost:
        """
        What a password hash costs.
        """
        return HashCost(
            memory_kib=self.password_hash_memory_kib,
            passes=self.password_hash_passes,
            lanes=self.password_hash_lanes,
        )

    def throttle_policy(self, free_failures: int) -> ThrottlePolicy:
        """
        The pauses after ``free_failures``.
        """
        return ThrottlePolicy(
            free_failures=free_failures,
            window=timedelta(seconds=self.sign_in_window_seconds),
            first_pause=timedelta(seconds=self.sign_in_first_pause_seconds),
            max_pause=timedelta(seconds=self.sign_in_max_pause_seconds),
        )

"""
Builds the parts of this service from its settings, for the application and for the commands.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from identity.clients.service import ClientService
from identity.derivation import Pseudonyms
from identity.events import AuthEvents
from identity.keys.sealing import Sealing
from identity.keys.service import SigningKeys
from identity.keys.signing import KeySigner, SecretSigner, Signer
from identity.passwords import HashCost, PasswordHashing
from identity.settings import Settings
from identity.throttle.service import SignInThrottle
from identity.tokens.revocation import LiveVerifier, RevocationService
from identity.tokens.service import TokenService, TokenTerms
from identity.users.service import UserService
from identity.users.sign_in import SignIn
from servicekit import migrations
from servicekit.auth import TokenVerifier
from servicekit.clock import Now, utc_now
from servicekit.database import Database
from servicekit.database.metrics import PoolMetrics
from servicekit.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Services:
    """
    Everything that routes and commands use. ``keys`` is None where a secret is shared (HS256).
    """

    database: Database
    hashing: PasswordHashing
    throttle: SignInThrottle
    keys: SigningKeys | None
    verifier: LiveVerifier
    sign_in: SignIn
    users: UserService
    clients: ClientService
    tokens: TokenService
    revocation: RevocationService

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """
        Ready to be used while inside; raises MigrationsPending or SealedKeys.
        """
        try:
            await migrations.ensure_current(self.database, "identity")
            if self.keys is not None:
                await self.keys.start()
            yield
        finally:
            await self.hashing.aclose()
            await self.database.aclose()


def build_services(
    settings: Settings,
    *,
    telemetry: Telemetry | None = None,
    now: Now = utc_now,
    hash_cost: HashCost | None = None,
) -> Services:
    """
    The parts, put together; nothing is opened yet.
    """
    telemetry = telemetry or Telemetry()
    events = AuthEvents(telemetry)
    database = Database.configured(settings)
    PoolMetrics(telemetry.registry, database)
    hashing = PasswordHashing(
        hash_cost or settings.hash_cost,
        threads=settings.password_hash_threads,
        queue=settings.password_hash_queue,
    )
    throttle = _throttle(settings, database, now)
    keys = _keys(settings, database, events, now)
    verifier = _verifier(settings, keys, now)
    signer = _signer(settings, keys)
    sign_in = SignIn(database, hashing, throttle, events)
    terms = TokenTerms(
        issuer=settings.jwt_issuer, audience=settings.jwt_audience, lives=settings.token_lives
    )
    return Services(
        database=database,
        hashing=hashing,
        throttle=throttle,
        keys=keys,
        verifier=LiveVerifier(verifier, database),
        sign_in=sign_in,
        users=UserService(database, hashing, sign_in, events, now=now),
        clients=ClientService(database, throttle, events, now=now),
        tokens=TokenService(database, signer, terms, events, now=now),
        revocation=RevocationService(database, verifier, now=now),
    )


def _throttle(settings: Settings, database: Database, now: Now) -> SignInThrottle:
    return SignInThrottle(
        database,
        Pseudonyms(settings.identity_key_secret.get_secret_value()),
        per_account=settings.throttle_policy(settings.sign_in_account_failures),
        per_address=settings.throttle_policy(settings.sign_in_address_failures),
        trust_for=timedelta(days=settings.sign_in_trust_days),
        now=now,
    )


def _keys(
    settings: Settings, database: Database, events: AuthEvents, now: Now
) -> SigningKeys | None:
    if settings.jwt_algorithm == "HS256":
        return None
    previous = settings.identity_key_secret_previous
    sealing = Sealing(
        settings.identity_key_secret.get_secret_value(),
        previous.get_secret_value() if previous else None,
    )
    return SigningKeys(database, sealing, settings.key_policy, events, now=now)


def _verifier(settings: Settings, keys: SigningKeys | None, now: Now) -> TokenVerifier:
    def seconds() -> float:
        return now().timestamp()

    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    if keys is not None:
        return TokenVerifier.eddsa(keys, issuer=issuer, audience=audience, now=seconds)
    return TokenVerifier.hs256(
        settings.shared_secret, issuer=issuer, audience=audience, now=seconds
    )


def _signer(settings: Settings, keys: SigningKeys | None) -> Signer:
    return KeySigner(keys) if keys is not None else SecretSigner(settings.shared_secret)

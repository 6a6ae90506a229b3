"""
Makes, publishes, opens and retires signing keys.

The key that signs is looked up for every token, so that a key which was
withdrawn on one replica signs nothing more on any. The published set is read
again when it is older than ``reload_every``, or when a token names a key that
is not in it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.errors import SealedKeys
from identity.events import AuthEvents
from identity.keys import repository
from identity.keys.models import (
    KeyPolicy,
    KeyRing,
    SigningKey,
    key_id,
    public_bytes,
    retirement_of_predecessors,
)
from identity.keys.sealing import CannotUnseal, Sealing
from servicekit.auth import UnknownKey
from servicekit.database import Database, UniqueViolation
from servicekit.errors import ServiceUnavailable

RotationReason = Literal["first", "scheduled", "asked", "compromised"]

#: Made-up key ids must not make a replica read the keys over and over.
_RELOAD_COOLDOWN: Final = timedelta(seconds=1)
_ATTEMPTS: Final = 5


class SigningKeys:
    """
    The keys of this service; a KeySource for verifiers in this process.
    """

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        policy: KeyPolicy,
        events: AuthEvents,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._policy = policy
        self._events = events
        self._now = now
        self._ring = KeyRing(())
        self._loaded_at: datetime | None = None
        self._private: dict[str, Ed25519PrivateKey] = {}

    async def start(self) -> None:
        """
        See that there is a key, and that all can be opened; raises SealedKeys.
        """
        await self.rotate_if_due()
        for key in (await self.load()).published(self._now()):
            if key.sealed_private is not None:
                await self._open(key, key.sealed_private)

    async def load(self) -> KeyRing:
        """
        All keys as they are now.
        """
        async with self._database.read() as connection:
            self._ring = await repository.ring(connection)
        self._loaded_at = self._now()
        return self._ring

    async def published(self) -> tuple[SigningKey, ...]:
        """
        The keys that verifiers should know, at most ``reload_every`` old.
        """
        await self._load_if_older_than(self._policy.reload_every)
        return self._ring.published(self._now())

    async def key(self, kid: str) -> Ed25519PublicKey:
        """
        The published key named ``kid``; raises UnknownKey.
        """
        found = await self._find(kid, self._policy.reload_every)
        if found is None:
            found = await self._find(kid, _RELOAD_COOLDOWN)
        if found is None:
            raise UnknownKey
        return Ed25519PublicKey.from_public_bytes(found.public)

    async def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """
        The id and the private half of the key that signs now.
        """
        key = (await self.load()).signing(self._now())
        if key is None or key.sealed_private is None:
            raise ServiceUnavailable("the signing key")
        private = self._private.get(key.kid)
        if private is None:
            try:
                private = await self._open(key, key.sealed_private)
            except SealedKeys as sealed:
                # Its words are for operators; a client learns that no token can be made now.
                raise ServiceUnavailable("the signing key") from sealed
        return key.kid, private

    async def rotate_if_due(self) -> None:
        """
        Add the next key where its time has come.
        """
        ring = await self.load()
        if ring.is_rotation_due(self._now(), self._policy):
            await self.rotate(reason="scheduled" if ring.keys else "first")

    async def rotate(self, *, reason: RotationReason) -> KeyRing:
        """
        Add a key, unless one is waiting to sign already; all keys as they are then.

        With ``compromised`` a key is always added, signs at once, and every one before it
        is withdrawn.
        """
        for _ in range(_ATTEMPTS):
            try:
                added = await self._database.transact(lambda c: self._add(c, reason))
            except UniqueViolation:
                # Another replica was faster. What it added will do, unless keys have leaked.
                if reason == "compromised":
                    continue
                added = None
            if added is not None:
                self._events.key_added(kid=added.kid, generation=added.generation, reason=reason)
            break
        return await self.load()

    async def erase_retired(self) -> int:
        """
        Erase private halves that will never sign again; returns how many.
        """
        now = self._now()
        erased = await self._database.transact(lambda c: repository.erase_retired(c, now))
        if erased:
            self._private.clear()
        return erased

    async def _add(self, connection: AsyncConnection, reason: RotationReason) -> SigningKey | None:
        now = self._now()
        ring = await repository.ring(connection)
        is_urgent = reason == "compromised"
        if not is_urgent and not self._is_wanted(ring, reason, now):
            return None
        key = self._new_key(ring, now, is_urgent=is_urgent)
        await repository.add(connection, key)
        if is_urgent:
            await repository.withdraw_before(connection, key.generation, now=now)
        retires_at = retirement_of_predecessors(key.signs_from, self._policy)
        await repository.retire_before(connection, key.generation, retires_at=retires_at)
        return key

    def _is_wanted(self, ring: KeyRing, reason: RotationReason, now: datetime) -> bool:
        if reason == "asked":
            return ring.upcoming(now) is None
        return ring.is_rotation_due(now, self._policy)

    def _new_key(self, ring: KeyRing, now: datetime, *, is_urgent: bool) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        public = public_bytes(private)
        kid = key_id(public)
        return SigningKey(
            kid=kid,
            generation=ring.next_generation,
            public=public,
            sealed_private=self._sealing.seal(private, kid),
            created_at=now,
            signs_from=ring.signs_from(now, self._policy, is_urgent=is_urgent),
        )

    async def _open(self, key: SigningKey, sealed: str) -> Ed25519PrivateKey:
        try:
            unsealed = self._sealing.unseal(sealed, key.kid)
        except CannotUnseal:
            raise SealedKeys from None
        if unsealed.is_stale:
            anew = self._sealing.seal(unsealed.private, key.kid)
            await self._database.transact(
                lambda c: repository.reseal(c, key.kid, old=sealed, new=anew)
            )
        self._private[key.kid] = unsealed.private
        return unsealed.private

    async def _find(self, kid: str, max_age: timedelta) -> SigningKey | None:
        await self._load_if_older_than(max_age)
        published = self._ring.published(self._now())
        return next((key for key in published if key.kid == kid), None)

    async def _load_if_older_than(self, age: timedelta) -> None:
        if self._loaded_at is None or self._now() - self._loaded_at >= age:
            await self.load()

"""
Checks a name and a password.

Every outcome but the right one looks the same from outside, and costs the same
one hash: no such account, a wrong password, a disabled account.
"""

import asyncio

from identity.errors import InvalidGrant, SignInThrottled
from identity.events import AuthEvents
from identity.passwords import PasswordHashing
from identity.throttle.service import Attempt, SignInThrottle
from identity.users import repository
from identity.users.models import User
from servicekit.database import Database
from servicekit.errors import Overloaded


class SignIn:
    """
    Tells who signs in.
    """

    def __init__(
        self,
        database: Database,
        hashing: PasswordHashing,
        throttle: SignInThrottle,
        events: AuthEvents,
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._throttle = throttle
        self._events = events

    async def check(self, name: str, password: str, *, address: str | None) -> User:
        """
        The enabled user of this name and password.

        Raises InvalidGrant; SignInThrottled where too many have failed before; Overloaded
        where more passwords are to be checked than can be.
        """
        attempt = await self._admitted(name, address)
        async with self._database.read() as connection:
            user = await repository.by_name(connection, name)
        try:
            checked = await self._checked(user, password, attempt)
        except asyncio.CancelledError:
            # Whoever leaves before the answer has guessed all the same.
            await asyncio.shield(self._throttle.failed(attempt))
            raise
        if checked is None:
            await self._throttle.failed(attempt)
            self._events.sign_in_failed("user", account=self._throttle.pseudonym("user", name))
            raise InvalidGrant
        await self._throttle.succeeded(attempt)
        return checked

    async def _admitted(self, name: str, address: str | None) -> Attempt:
        try:
            return await self._throttle.admit("user", name, address)
        except SignInThrottled as refusal:
            account = self._throttle.pseudonym("user", name)
            self._events.sign_in_throttled("user", account=account, wait_s=refusal.retry_after_s)
            raise

    async def _checked(self, user: User | None, password: str, attempt: Attempt) -> User | None:
        try:
            verification = await self._hashing.verify(
                password, user.password_hash if user else None
            )
        except Overloaded:
            await self._throttle.abandoned(attempt)
            raise
        if user is None or not verification.is_right or user.is_disabled:
            return None
        if verification.rehashed is not None:
            await self._keep(user, verification.rehashed)
        return user

    async def _keep(self, user: User, new_hash: str) -> None:
        async with self._database.write() as connection:
            await repository.set_password_hash(
                connection, user.id, old=user.password_hash, new=new_hash
            )

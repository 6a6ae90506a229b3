"""
What people do with their own accounts, and admins with everybody's.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from identity.errors import InvalidGrant, LastAdmin
from identity.events import AuthEvents
from identity.passwords import PasswordHashing, checked_new_password
from identity.tokens import repository as sign_ins
from identity.tokens.models import RevocationReason
from identity.users import repository
from identity.users.models import (
    Role,
    User,
    UserPage,
    checked_display_name,
    checked_email,
    checked_roles,
    checked_user_name,
    new_user_id,
)
from identity.users.sign_in import SignIn
from servicekit.database import Database
from servicekit.errors import InvalidRequest, NotFound, Problem


@dataclass(frozen=True, slots=True)
class NewUser:
    """
    An account to be made.
    """

    user_name: str
    password: str
    email: str | None = None
    display_name: str | None = None
    roles: Collection[Role] = (Role.SHOPPER,)


@dataclass(frozen=True, slots=True)
class UserChange:
    """
    What is changed; None leaves it as it is, an empty e-mail address removes it.
    """

    display_name: str | None = None
    email: str | None = None
    roles: Collection[Role] | None = None
    is_disabled: bool | None = None

    def applied_to(self, user: User, now: datetime) -> User:
        """
        The user as changed; raises InvalidRequest.
        """
        new = replace(user, updated_at=now)
        if self.display_name is not None:
            new = replace(new, display_name=checked_display_name(self.display_name))
        if self.email is not None:
            new = replace(new, email=checked_email(self.email) if self.email else None)
        if self.roles is not None:
            new = replace(new, roles=checked_roles(self.roles))
        if self.is_disabled is not None:
            new = replace(new, is_disabled=self.is_disabled)
        return new


class UserService:
    """
    Keeps the accounts.
    """

    def __init__(
        self,
        database: Database,
        hashing: PasswordHashing,
        sign_in: SignIn,
        events: AuthEvents,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._sign_in = sign_in
        self._events = events
        self._now = now

    async def get(self, user_id: str) -> User:
        """
        The user; raises NotFound.
        """
        async with self._database.read() as connection:
            user = await repository.by_id(connection, user_id)
        if user is None:
            raise NotFound("user")
        return user

    async def find(self, name: str) -> User | None:
        """
        The user of this user name or e-mail address.
        """
        async with self._database.read() as connection:
            return await repository.by_name(connection, name)

    async def page(self, *, number: int, size: int, q: str | None) -> UserPage:
        """
        One page of the users, by name.
        """
        async with self._database.read() as connection:
            return await repository.page(connection, offset=(number - 1) * size, size=size, q=q)

    async def create(self, new: NewUser, *, by: str | None) -> User:
        """
        A new account; raises InvalidRequest, WeakPassword or NameTaken.
        """
        now = self._now()
        user_name = checked_user_name(new.user_name)
        user = User(
            id=new_user_id(),
            user_name=user_name,
            email=checked_email(new.email) if new.email else None,
            display_name=checked_display_name(new.display_name or user_name),
            roles=checked_roles(new.roles),
            password_hash="",
            is_disabled=False,
            created_at=now,
            updated_at=now,
            password_set_at=now,
        )
        password = checked_new_password(new.password, names=user.names)
        user = replace(user, password_hash=await self._hashing.hash(password))
        await self._database.transact(lambda c: repository.add(c, user))
        self._events.changed("users.created", subject_id=user.id, by=by)
        return user

    async def change(self, user_id: str, change: UserChange, *, by: str | None) -> User:
        """
        The account as changed; raises NotFound, InvalidRequest, NameTaken or LastAdmin.

        Who is disabled is signed out everywhere; other roles count from the next refresh.
        """

        async def work(connection: AsyncConnection) -> User:
            if change.roles is not None or change.is_disabled is not None:
                await repository.lock_admins(connection)
            user = await _existing(connection, user_id)
            new = change.applied_to(user, self._now())
            await repository.save(connection, new)
            await _keep_an_admin(connection, before=user, after=new)
            if new.is_disabled and not user.is_disabled:
                await self._sign_out(connection, user_id, "disabled")
            return new

        changed = await self._database.transact(work)
        self._events.changed("users.changed", subject_id=user_id, by=by)
        return changed

    async def remove(self, user_id: str, *, by: str | None) -> None:
        """
        Forget an account and its sign-ins; raises NotFound or LastAdmin.
        """

        async def work(connection: AsyncConnection) -> None:
            await repository.lock_admins(connection)
            user = await _existing(connection, user_id)
            await repository.remove(connection, user_id)
            await _keep_an_admin(connection, before=user, after=None)

        await self._database.transact(work)
        self._events.changed("users.removed", subject_id=user_id, by=by)

    async def change_password(
        self, user_id: str, *, current: str, new: str, address: str | None
    ) -> None:
        """
        Replace one's own password, and sign out everywhere; the current one has to be known.
        """
        user = await self.get(user_id)
        try:
            user = await self._sign_in.check(user.user_name, current, address=address)
        except InvalidGrant:
            # Not 401: the caller is signed in all right.
            raise InvalidRequest(
                problems=[Problem("body.currentPassword", "is not your current password")]
            ) from None
        await self._set_password(user, new)
        self._events.changed("users.password_changed", subject_id=user_id, by=user_id)

    async def reset_password(self, user_id: str, new: str | None, *, by: str | None) -> str:
        """
        Give an account another password, made here unless one is given, and sign it out.
        """
        user = await self.get(user_id)
        password = new or secrets.token_urlsafe(18)
        await self._set_password(user, password)
        self._events.changed("users.password_reset", subject_id=user_id, by=by)
        return password

    async def _set_password(self, user: User, password: str) -> None:
        new_hash = await self._hashing.hash(
            checked_new_password(password, names=user.names, field="newPassword")
        )

        async def work(connection: AsyncConnection) -> None:
            present, now = await _existing(connection, user.id), self._now()
            await repository.save(
                connection,
                replace(present, password_hash=new_hash, password_set_at=now, updated_at=now),
            )
            await self._sign_out(connection, user.id, "password_changed")

        await self._database.transact(work)

    async def _sign_out(
        self, connection: AsyncConnection, user_id: str, reason: RevocationReason
    ) -> None:
        await sign_ins.revoke_families_of(connection, user_id, now=self._now(), reason=reason)


async def _existing(connection: AsyncConnection, user_id: str) -> User:
    user = await repository.locked(connection, user_id)
    if user is None:
        raise NotFound("user")
    return user


async def _keep_an_admin(connection: AsyncConnection, *, before: User, after: User | None) -> None:
    was_admin = before.is_active_admin
    is_admin = after is not None and after.is_active_admin
    if was_admin and not is_admin and await repository.count_active_admins(connection) == 0:
        raise LastAdmin

"""
Service clients: who they are, and what an admin does with them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from identity.clients import repository
from identity.clients.models import (
    ServiceClient,
    checked_client_id,
    checked_permissions,
    checked_scopes,
    is_client_id,
    is_secret_of,
    new_secret,
    secret_hash,
)
from identity.errors import InvalidClient, SignInThrottled
from identity.events import AuthEvents
from identity.throttle.service import SignInThrottle
from identity.tokens import repository as sign_ins
from servicekit.database import Database
from servicekit.errors import NotFound


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """
    What a client shows of itself.
    """

    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class ClientChange:
    """
    What an admin changes; None leaves it as it is.
    """

    description: str | None = None
    scopes: Collection[str] | None = None
    permissions: Collection[str] | None = None
    is_disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """
    A client and its secret, which is told this once.
    """

    client: ServiceClient
    secret: str


class ClientService:
    """
    Keeps the service clients.
    """

    def __init__(
        self,
        database: Database,
        throttle: SignInThrottle,
        events: AuthEvents,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._throttle = throttle
        self._events = events
        self._now = now

    async def authenticate(
        self, credentials: ClientCredentials, *, address: str | None
    ) -> ServiceClient:
        """
        The enabled client of these credentials; raises InvalidClient or SignInThrottled.
        """
        account = self._throttle.pseudonym("client", credentials.client_id)
        try:
            attempt = await self._throttle.admit("client", credentials.client_id, address)
        except SignInThrottled as refusal:
            self._events.sign_in_throttled("client", account=account, wait_s=refusal.retry_after_s)
            raise
        client = await self._find(credentials.client_id)
        if client is None or not is_secret_of(client, credentials.secret, self._now()):
            await self._throttle.failed(attempt)
            self._events.sign_in_failed("client", account=account)
            raise InvalidClient
        await self._throttle.succeeded(attempt)
        return client

    async def every(self) -> tuple[ServiceClient, ...]:
        """
        All clients by id.
        """
        async with self._database.read() as connection:
            return await repository.every(connection)

    async def create(
        self,
        client_id: str,
        *,
        description: str,
        scopes: Collection[str],
        permissions: Collection[str],
        secret: str | None = None,
        by: str | None,
    ) -> NewSecret:
        """
        A new client, with a secret made here unless one is given; raises NameTaken.
        """
        secret = secret or new_secret()
        now = self._now()
        client = ServiceClient(
            id=checked_client_id(client_id),
            description=description,
            secret_hash=secret_hash(secret),
            previous_secret_hash=None,
            previous_secret_until=None,
            scopes=checked_scopes(scopes),
            permissions=checked_permissions(permissions),
            is_disabled=False,
            created_at=now,
            updated_at=now,
        )
        await self._database.transact(lambda c: repository.add(c, client))
        self._events.changed("clients.created", subject_id=client.id, by=by)
        return NewSecret(client, secret)

    async def change(
        self, client_id: str, change: ClientChange, *, by: str | None
    ) -> ServiceClient:
        """
        The client as changed; raises NotFound.
        """

        def changed(client: ServiceClient) -> ServiceClient:
            new = replace(client, updated_at=self._now())
            if change.description is not None:
                new = replace(new, description=change.description)
            if change.scopes is not None:
                new = replace(new, scopes=checked_scopes(change.scopes))
            if change.permissions is not None:
                new = replace(new, permissions=checked_permissions(change.permissions))
            if change.is_disabled is not None:
                new = replace(new, is_disabled=change.is_disabled)
            return new

        client = await self._edit(client_id, changed)
        self._events.changed("clients.changed", subject_id=client_id, by=by)
        return client

    async def rotate_secret(
        self,
        client_id: str,
        *,
        keep_previous_for: timedelta,
        by: str | None,
    ) -> NewSecret:
        """
        A new secret; the one before it stays good for a while, so that nothing has to stop.
        """
        secret = new_secret()

        def renewed(client: ServiceClient) -> ServiceClient:
            now = self._now()
            is_kept = keep_previous_for > timedelta(0)
            return replace(
                client,
                secret_hash=secret_hash(secret),
                previous_secret_hash=client.secret_hash if is_kept else None,
                previous_secret_until=now + keep_previous_for if is_kept else None,
                updated_at=now,
            )

        client = await self._edit(client_id, renewed)
        self._events.changed("clients.secret_rotated", subject_id=client_id, by=by)
        return NewSecret(client, secret)

    async def set_secret(self, client_id: str, secret: str, *, by: str | None) -> None:
        """
        Let ``secret`` be the client's; nothing happens where it is already.
        """

        def renewed(client: ServiceClient) -> ServiceClient:
            if is_secret_of(client, secret, self._now()):
                return client
            return replace(client, secret_hash=secret_hash(secret), updated_at=self._now())

        await self._edit(client_id, renewed)
        self._events.changed("clients.secret_set", subject_id=client_id, by=by)

    async def remove(self, client_id: str, *, by: str | None) -> None:
        """
        Forget a client and the sign-ins that it made; raises NotFound.
        """

        async def work(connection: AsyncConnection) -> bool:
            await sign_ins.remove_families_of_client(connection, client_id)
            return await repository.remove(connection, client_id)

        if not is_client_id(client_id) or not await self._database.transact(work):
            raise NotFound("client")
        self._events.changed("clients.removed", subject_id=client_id, by=by)

    async def _find(self, client_id: str) -> ServiceClient | None:
        if not is_client_id(client_id):
            return None
        async with self._database.read() as connection:
            return await repository.by_id(connection, client_id)

    async def _edit(
        self, client_id: str, edited: Callable[[ServiceClient], ServiceClient]
    ) -> ServiceClient:
        async def work(connection: AsyncConnection) -> ServiceClient | None:
            client = await repository.locked(connection, client_id)
            if client is None:
                return None
            new = edited(client)
            await repository.save(connection, new)
            return new

        client = await self._database.transact(work) if is_client_id(client_id) else None
        if client is None:
            raise NotFound("client")
        return client

"""
Where service clients are kept.
"""

from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.clients.models import ServiceClient
from identity.errors import NameTaken
from identity.tables import service_clients as table
from servicekit.database import UniqueViolation


async def by_id(connection: AsyncConnection, client_id: str) -> ServiceClient | None:
    """
    The client of this id.
    """
    rows = await connection.execute(select(table).where(table.c.id == client_id))
    row = rows.one_or_none()
    return None if row is None else _client(row)


async def locked(connection: AsyncConnection, client_id: str) -> ServiceClient | None:
    """
    The client, which nobody else can change until this transaction ends.
    """
    rows = await connection.execute(select(table).where(table.c.id == client_id).with_for_update())
    row = rows.one_or_none()
    return None if row is None else _client(row)


async def every(connection: AsyncConnection) -> tuple[ServiceClient, ...]:
    """
    All clients by id. They are services, so they are few.
    """
    rows = await connection.execute(select(table).order_by(table.c.id))
    return tuple(_client(row) for row in rows)


async def add(connection: AsyncConnection, client: ServiceClient) -> None:
    """
    Keep a new client; raises NameTaken where there is one of this id.
    """
    try:
        await connection.execute(table.insert().values(id=client.id, **_values(client)))
    except UniqueViolation:
        raise NameTaken("id") from None


async def save(connection: AsyncConnection, client: ServiceClient) -> None:
    """
    Keep ``client`` as it is.
    """
    await connection.execute(
        table.update().where(table.c.id == client.id).values(**_values(client))
    )


async def remove(connection: AsyncConnection, client_id: str) -> bool:
    """
    Forget a client, and with it all sign-ins that it made; False where there is none.
    """
    result = await connection.execute(delete(table).where(table.c.id == client_id))
    return result.rowcount > 0


def _values(client: ServiceClient) -> dict[str, object]:
    return {
        "description": client.description,
        "secret_hash": client.secret_hash,
        "previous_secret_hash": client.previous_secret_hash,
        "previous_secret_until": client.previous_secret_until,
        "scopes": client.scopes,
        "permissions": client.permissions,
        "is_disabled": client.is_disabled,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    }


def _client(row: Row[Any]) -> ServiceClient:
    return ServiceClient(
        id=row.id,
        description=row.description,
        secret_hash=row.secret_hash,
        previous_secret_hash=row.previous_secret_hash,
        previous_secret_until=row.previous_secret_until,
        scopes=row.scopes,
        permissions=row.permissions,
        is_disabled=row.is_disabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

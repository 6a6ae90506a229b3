"""
Where users are kept.
"""

from typing import Any

from sqlalchemy import Row, String, delete, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.errors import NameTaken
from identity.tables import locks
from identity.tables import users as table
from identity.text import name_key
from identity.users.models import Role, User, UserPage
from servicekit.database import UniqueViolation

_FIELD_OF_COLUMN = {"user_name_key": "userName", "email_key": "email"}


async def by_id(connection: AsyncConnection, user_id: str) -> User | None:
    """
    The user of this id.
    """
    rows = await connection.execute(select(table).where(table.c.id == user_id))
    row = rows.one_or_none()
    return None if row is None else _user(row)


async def by_name(connection: AsyncConnection, name: str) -> User | None:
    """
    The user who signs in by this user name or e-mail address.
    """
    key = name_key(name)
    rows = await connection.execute(
        select(table).where(or_(table.c.user_name_key == key, table.c.email_key == key))
    )
    row = rows.one_or_none()
    return None if row is None else _user(row)


async def page(connection: AsyncConnection, *, offset: int, size: int, q: str | None) -> UserPage:
    """
    Users by name; with ``q`` those whose user name, e-mail address or shown name contains it.
    """
    matching = select(table)
    if q:
        matching = matching.where(
            or_(
                table.c.user_name_key.contains(name_key(q), autoescape=True),
                table.c.email_key.contains(name_key(q), autoescape=True),
                table.c.display_name.icontains(q, autoescape=True),
            )
        )
    total = await connection.execute(select(func.count()).select_from(matching.subquery()))
    rows = await connection.execute(
        matching.order_by(table.c.user_name_key).offset(offset).limit(size)
    )
    return UserPage(tuple(_user(row) for row in rows), total.scalar_one())


async def add(connection: AsyncConnection, user: User) -> None:
    """
    Keep a new user; raises NameTaken where a name belongs to somebody else.
    """
    try:
        await connection.execute(table.insert().values(id=user.id, **_values(user)))
    except UniqueViolation as error:
        raise _name_taken(error) from None


async def save(connection: AsyncConnection, user: User) -> None:
    """
    Keep ``user`` as it is; raises NameTaken where a name belongs to somebody else.
    """
    try:
        await connection.execute(
            table.update().where(table.c.id == user.id).values(**_values(user))
        )
    except UniqueViolation as error:
        raise _name_taken(error) from None


async def set_password_hash(
    connection: AsyncConnection, user_id: str, *, old: str, new: str
) -> None:
    """
    Replace a hash by one of the same password, unless the password has changed meanwhile.
    """
    await connection.execute(
        table.update()
        .where(table.c.id == user_id, table.c.password_hash == old)
        .values(password_hash=new)
    )


async def remove(connection: AsyncConnection, user_id: str) -> None:
    """
    Forget a user, and with them all their sign-ins.
    """
    await connection.execute(delete(table).where(table.c.id == user_id))


async def locked(connection: AsyncConnection, user_id: str) -> User | None:
    """
    The user, whom nobody else can change until this transaction ends.
    """
    rows = await connection.execute(select(table).where(table.c.id == user_id).with_for_update())
    row = rows.one_or_none()
    return None if row is None else _user(row)


async def lock_admins(connection: AsyncConnection) -> None:
    """
    Wait until nobody else changes who is an admin, and let nobody do so until the end.
    """
    rows = await connection.execute(select(locks).where(locks.c.name == "admins").with_for_update())
    rows.one()


async def count_active_admins(connection: AsyncConnection) -> int:
    """
    How many can administer the shop.
    """
    is_admin = type_coerce(table.c.roles, String).contains(f" {Role.ADMIN.value} ")
    result = await connection.execute(
        select(func.count()).select_from(table).where(is_admin, table.c.is_disabled.is_(False))
    )
    return result.scalar_one()


def _values(user: User) -> dict[str, object]:
    return {
        "user_name": user.user_name,
        "user_name_key": name_key(user.user_name),
        "email": user.email,
        "email_key": name_key(user.email) if user.email else None,
        "display_name": user.display_name,
        "roles": frozenset(role.value for role in user.roles),
        "password_hash": user.password_hash,
        "is_disabled": user.is_disabled,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "password_set_at": user.password_set_at,
    }


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        user_name=row.user_name,
        email=row.email,
        display_name=row.display_name,
        roles=frozenset(Role(role) for role in row.roles),
        password_hash=row.password_hash,
        is_disabled=row.is_disabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
        password_set_at=row.password_set_at,
    )


def _name_taken(error: UniqueViolation) -> NameTaken:
    column = error.columns[0] if error.columns else ""
    return NameTaken(_FIELD_OF_COLUMN.get(column, "name"))

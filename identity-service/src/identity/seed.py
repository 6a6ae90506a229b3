"""
``python -m identity seed``: the users and service clients that a shop starts with.

It can be run again at any time: what is there already is brought to what the
settings say, passwords and secrets included, and nothing is made twice.
"""

from typing import Final

import structlog
from pydantic import SecretStr

from identity.clients.models import checked_secret
from identity.clients.service import ClientChange
from identity.errors import NameTaken
from identity.settings import Settings
from identity.users.models import Role
from identity.users.service import NewUser, UserChange
from identity.wiring import Services

log = structlog.get_logger()

#: Which service may do what at others; docs/architecture.md says why. A client that is not
#: listed gets no permission.
CLIENT_PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "api-gateway": frozenset({"stock:write", "prices:quote"}),
    "inventory-service": frozenset(),
    "pricing-service": frozenset(),
}
SCOPES: Final = ("read", "write")


async def seed(services: Services, settings: Settings) -> None:
    """
    Make what is missing; raises WeakPassword or InvalidRequest for a password or secret that is no good.
    """
    passwords = {
        Role.SHOPPER: settings.seed_shopper_password,
        Role.MERCHANT: settings.seed_merchant_password,
        Role.ADMIN: settings.seed_admin_password,
    }
    for role, password in passwords.items():
        if password is not None:
            await _seed_user(services, role, password.get_secret_value())
    for client_id, secret in settings.seed_clients.items():
        await _seed_client(services, client_id, secret)


async def _seed_user(services: Services, role: Role, password: str) -> None:
    new = NewUser(
        user_name=role.value,
        password=password,
        email=f"{role.value}@example.com",
        display_name=role.value.capitalize(),
        roles=[role],
    )
    try:
        await services.users.create(new, by="seed")
    except NameTaken:
        await _renew_user(services, role, password)
    log.info("seed.user_ready", user_name=role.value)


async def _renew_user(services: Services, role: Role, password: str) -> None:
    user = await services.users.find(role.value)
    if user is None:
        return
    if user.roles != {role} or user.is_disabled:
        change = UserChange(roles=[role], is_disabled=False)
        await services.users.change(user.id, change, by="seed")
    verification = await services.hashing.verify(password, user.password_hash)
    if not verification.is_right:
        await services.users.reset_password(user.id, password, by="seed")


async def _seed_client(services: Services, client_id: str, given: SecretStr) -> None:
    secret = checked_secret(given.get_secret_value())
    permissions = CLIENT_PERMISSIONS.get(client_id, frozenset())
    try:
        await services.clients.create(
            client_id,
            description="Made by seed",
            scopes=SCOPES,
            permissions=permissions,
            secret=secret,
            by="seed",
        )
    except NameTaken:
        change = ClientChange(scopes=SCOPES, permissions=permissions, is_disabled=False)
        await services.clients.change(client_id, change, by="seed")
        await services.clients.set_secret(client_id, secret, by="seed")
    log.info("seed.client_ready", client_id=client_id)

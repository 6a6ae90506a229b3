"""
Users, and what each role may do.
"""

import enum
import re
import unicodedata
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from identity.text import is_visible, name_key
from servicekit.errors import InvalidRequest, Problem

MAX_NAME_LENGTH = 64
MAX_EMAIL_LENGTH = 254
#: Letters and digits of any script, with single marks between them; never an @, so that no
#: user name can be taken for somebody's e-mail address.
_USER_NAME = re.compile(r"[^\W_](?:[._-]?[^\W_])+")


class Role(enum.StrEnum):
    """
    What somebody is in the shop.
    """

    SHOPPER = "shopper"
    MERCHANT = "merchant"
    ADMIN = "admin"


SCOPES_OF_ROLES: dict[Role, frozenset[str]] = {
    Role.SHOPPER: frozenset({"read", "write"}),
    Role.MERCHANT: frozenset({"read", "write"}),
    Role.ADMIN: frozenset({"read", "write", "admin"}),
}
PERMISSIONS_OF_ROLES: dict[Role, frozenset[str]] = {
    Role.SHOPPER: frozenset(),
    Role.MERCHANT: frozenset({"catalog:write"}),
    Role.ADMIN: frozenset({"catalog:write"}),
}


def scopes_of(roles: Collection[Role]) -> frozenset[str]:
    """
    The scopes that somebody with all of ``roles`` may use.
    """
    return frozenset().union(*(SCOPES_OF_ROLES[role] for role in roles))


def permissions_of(roles: Collection[Role]) -> frozenset[str]:
    """
    The permissions that somebody with all of ``roles`` has.
    """
    return frozenset().union(*(PERMISSIONS_OF_ROLES[role] for role in roles))


@dataclass(frozen=True, slots=True)
class User:
    """
    One account. ``password_hash`` is an encoded argon2id hash; it is also renewed for the same
    password, so ``password_set_at`` tells whether the password is another one.
    """

    id: str
    user_name: str
    email: str | None
    display_name: str
    roles: frozenset[Role]
    password_hash: str
    is_disabled: bool
    created_at: datetime
    updated_at: datetime
    password_set_at: datetime

    @property
    def is_active_admin(self) -> bool:
        """
        May administer the shop now.
        """
        return Role.ADMIN in self.roles and not self.is_disabled

    @property
    def names(self) -> tuple[str, ...]:
        """
        What the user signs in as, and is called; none of it may be the password.
        """
        return tuple(name for name in (self.user_name, self.email, self.display_name) if name)


@dataclass(frozen=True, slots=True)
class UserPage:
    """
    Some of the users, and how many there are.
    """

    users: tuple[User, ...]
    total: int


def new_user_id() -> str:
    """
    A random id: it says nothing, and cannot be guessed from another.
    """
    return str(uuid.uuid4())


def checked_user_name(name: str) -> str:
    """
    A user name that may be given, in the form in which it is shown.
    """
    shown = unicodedata.normalize("NFKC", name.strip())
    key = name_key(shown)
    lengths = {len(shown), len(key)}
    fits = min(lengths) >= 3 and max(lengths) <= MAX_NAME_LENGTH
    if not fits or not is_visible(shown) or not _USER_NAME.fullmatch(key):
        raise _wrong(
            "userName", "must have 3 to 64 letters and digits, with single . _ or - between them"
        )
    return shown


def checked_email(email: str) -> str:
    """
    An e-mail address in its normal form. That it can be delivered to is not checked.
    """
    wrong = _wrong("email", "must be an e-mail address")
    if len(email) > MAX_EMAIL_LENGTH or not is_visible(email):
        raise wrong
    try:
        normal: str = validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        raise wrong from None
    if len(name_key(normal)) > MAX_EMAIL_LENGTH:
        raise wrong
    return normal


def checked_display_name(name: str) -> str:
    """
    A name to show to others.
    """
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= 100 or not is_visible(shown):
        raise _wrong("displayName", "must have 1 to 100 visible characters")
    return shown


def checked_roles(roles: Collection[Role]) -> frozenset[Role]:
    """
    Roles of an account: at least one, since without any nothing could be done with it.
    """
    if not roles:
        raise _wrong("roles", "must have at least one")
    return frozenset(roles)


def _wrong(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(problems=[Problem(field=f"body.{field}", problem=problem)])

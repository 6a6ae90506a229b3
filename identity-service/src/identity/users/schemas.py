"""
What the user routes take and answer.
"""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, StrictBool

from identity.passwords import MAX_PASSWORD_BYTES
from identity.users.models import Role, User, UserPage
from identity.users.service import NewUser, UserChange
from servicekit.schemas import AnswerModel, PageOf, RequestModel, pages_of
from servicekit.text import PlainText

EXAMPLE_USER: dict[str, JsonValue] = {
    "id": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
    "userName": "anna",
    "email": "anna@example.com",
    "displayName": "Anna",
    "roles": ["shopper"],
    "disabled": False,
    "createdAt": "2026-01-01T12:00:00Z",
    "updatedAt": "2026-01-01T12:00:00Z",
}

#: Longer than the policy allows, so that the policy itself says what is wrong.
Password = Annotated[PlainText, Field(max_length=MAX_PASSWORD_BYTES)]
Name = Annotated[PlainText, Field(min_length=1, max_length=254)]


class PublicProfile(AnswerModel):
    """
    What everybody who is signed in may know of a user.
    """

    id: str
    display_name: str

    @classmethod
    def of(cls, user: User) -> "PublicProfile":
        """
        The public part.
        """
        return cls(id=user.id, display_name=user.display_name)


class UserResponse(PublicProfile):
    """
    A user, for themselves and for admins.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_USER]})

    user_name: str
    email: str | None
    roles: list[Role]
    disabled: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserResponse":
        """
        All that is told of a user.
        """
        return cls(
            id=user.id,
            display_name=user.display_name,
            user_name=user.user_name,
            email=user.email,
            roles=sorted(user.roles),
            disabled=user.is_disabled,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class UsersResponse(PageOf[UserResponse]):
    """
    One page of the users.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [EXAMPLE_USER], "page": 1, "size": 20, "total": 1, "pages": 1}]
        }
    )

    @classmethod
    def of(cls, found: UserPage, *, page: int, size: int) -> "UsersResponse":
        """
        The page with its place among the others.
        """
        return cls(
            items=[UserResponse.of(user) for user in found.users],
            page=page,
            size=size,
            total=found.total,
            pages=pages_of(found.total, size),
        )


class ProfileChange(RequestModel):
    """
    What people change of their own profile.

    Not their e-mail address: until one is verified, a change would tell whose address has an
    account, and would let people sign in by addresses that are not theirs. An admin changes it.
    """

    display_name: Name | None = None

    def change(self) -> UserChange:
        """
        The change that is meant.
        """
        return UserChange(display_name=self.display_name)


class AccountChange(ProfileChange):
    """
    What admins change of any account. An empty e-mail address removes it.
    """

    email: Annotated[PlainText, Field(max_length=254)] | None = None
    roles: Annotated[list[Role], Field(min_length=1, max_length=10)] | None = None
    disabled: StrictBool | None = None

    def change(self) -> UserChange:
        """
        The change that is meant.
        """
        return UserChange(
            display_name=self.display_name,
            email=self.email,
            roles=self.roles,
            is_disabled=self.disabled,
        )


class NewAccount(RequestModel):
    """
    An account that an admin makes.
    """

    user_name: Name
    password: Password
    email: Name | None = None
    display_name: Name | None = None
    roles: Annotated[list[Role], Field(min_length=1, max_length=10)] = [Role.SHOPPER]  # noqa: RUF012  # pydantic copies a default for each instance

    def new_user(self) -> NewUser:
        """
        The account that is meant.
        """
        return NewUser(**self.model_dump())


class PasswordChange(RequestModel):
    """
    The password that one has, and the one to have from now on.
    """

    current_password: Password
    new_password: Password


class PasswordReset(RequestModel):
    """
    The account's next password; one is made if it is left out.
    """

    new_password: Password | None = None


class ResetPassword(AnswerModel):
    """
    The account's password from now on; it is told this once.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "lCqHY8X5Hrj1aVgd0-hm2dNw"}]}
    )

    password: str

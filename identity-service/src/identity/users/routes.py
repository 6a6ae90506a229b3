"""
``/users``: one's own account for everybody, all accounts for admins.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from identity.errors import LastAdmin, NameTaken, SignInThrottled, WeakPassword
from identity.tokens.routes import address_of
from identity.users.models import User
from identity.users.schemas import (
    EXAMPLE_USER,
    AccountChange,
    NewAccount,
    PasswordChange,
    PasswordReset,
    ProfileChange,
    PublicProfile,
    ResetPassword,
    UserResponse,
    UsersResponse,
)
from identity.users.service import UserService
from servicekit.auth import Principal, current_principal, requires
from servicekit.errors import NotFound
from servicekit.openapi import error_responses, example
from servicekit.schemas import PageNumber, PageSize
from servicekit.text import PlainText

#: Both forms of a profile, for OpenAPI.
_PROFILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {
                "examples": {
                    "one's own": {"value": EXAMPLE_USER},
                    "another's": {"value": {"id": EXAMPLE_USER["id"], "displayName": "Anna"}},
                }
            }
        }
    }
}
_ADMIN = [requires("admin")]
_NEW_ACCOUNT = {
    "userName": "anna",
    "password": "four words make sense",
    "email": "anna@example.com",
    "roles": ["shopper"],
}


def users_router(prefix: str, users: UserService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/users", tags=["users"])
    _add_own_routes(router, users)
    _add_admin_routes(router, users)
    return router


def _add_own_routes(router: APIRouter, users: UserService) -> None:
    reading = [requires("read", kinds=("user",))]
    writing = [requires("write", kinds=("user",))]

    @router.get("/me", summary="Who is signed in", dependencies=reading)
    async def me() -> UserResponse:
        return UserResponse.of(await _caller(users))

    @router.get(
        "/{user_id:uuid}/profile",
        summary="A user: all of it for oneself and admins, the shown name for others",
        dependencies=[requires("read", kinds=("user", "service"))],
        responses=error_responses(NotFound("user")) | _PROFILES,
    )
    async def profile(user_id: UUID) -> UserResponse | PublicProfile:
        user = await users.get(str(user_id))
        if _may_see_all(current_principal(), user):
            return UserResponse.of(user)
        return PublicProfile.of(user)

    @router.patch(
        "/me/profile",
        summary="Change one's own profile",
        dependencies=writing,
        openapi_extra=example({"displayName": "Anna K."}),
    )
    async def change_profile(change: ProfileChange) -> UserResponse:
        user = await _caller(users)
        return UserResponse.of(await users.change(user.id, change.change(), by=user.id))

    @router.post(
        "/me/password",
        summary="Change one's own password, and sign out everywhere",
        status_code=204,
        dependencies=writing,
        responses=error_responses(
            WeakPassword("must have 12 to 256 characters"), SignInThrottled(retry_after_s=8)
        ),
    )
    async def change_password(change: PasswordChange, request: Request) -> None:
        await users.change_password(
            (await _caller(users)).id,
            current=change.current_password,
            new=change.new_password,
            address=address_of(request),
        )


def _add_admin_routes(router: APIRouter, users: UserService) -> None:
    @router.get("", summary="The users, by name", dependencies=_ADMIN)
    async def every(
        page: PageNumber = 1,
        size: PageSize = 20,
        q: Annotated[
            PlainText | None, Query(max_length=100, description="Part of a name or address")
        ] = None,
    ) -> UsersResponse:
        found = await users.page(number=page, size=size, q=q)
        return UsersResponse.of(found, page=page, size=size)

    @router.post(
        "",
        summary="Make an account",
        status_code=201,
        dependencies=_ADMIN,
        openapi_extra=example(_NEW_ACCOUNT),
        responses=error_responses(
            NameTaken("userName"), WeakPassword("must have 12 to 256 characters")
        ),
    )
    async def create(account: NewAccount, request: Request, response: Response) -> UserResponse:
        user = await users.create(account.new_user(), by=current_principal().user_id)
        response.headers["Location"] = f"{request.url.path}/{user.id}"
        return UserResponse.of(user)

    @router.get(
        "/{user_id:uuid}",
        summary="An account",
        dependencies=_ADMIN,
        responses=error_responses(NotFound("user")),
    )
    async def get(user_id: UUID) -> UserResponse:
        return UserResponse.of(await users.get(str(user_id)))

    @router.patch(
        "/{user_id:uuid}",
        summary="Change an account, its roles included",
        dependencies=_ADMIN,
        openapi_extra=example({"roles": ["merchant"], "disabled": False}),
        responses=error_responses(NotFound("user"), NameTaken("email"), LastAdmin()),
    )
    async def change(user_id: UUID, change: AccountChange) -> UserResponse:
        by = current_principal().user_id
        return UserResponse.of(await users.change(str(user_id), change.change(), by=by))

    @router.delete(
        "/{user_id:uuid}",
        summary="Forget an account and its sign-ins",
        status_code=204,
        dependencies=_ADMIN,
        responses=error_responses(NotFound("user"), LastAdmin()),
    )
    async def remove(user_id: UUID) -> None:
        await users.remove(str(user_id), by=current_principal().user_id)

    @router.post(
        "/{user_id:uuid}/password-reset",
        summary="Give an account another password, and sign it out everywhere",
        dependencies=_ADMIN,
        responses=error_responses(NotFound("user"), WeakPassword("must have 12 to 256 characters")),
    )
    async def reset_password(
        user_id: UUID, response: Response, reset: PasswordReset | None = None
    ) -> ResetPassword:
        response.headers["Cache-Control"] = "no-store"
        password = await users.reset_password(
            str(user_id), reset.new_password if reset else None, by=current_principal().user_id
        )
        return ResetPassword(password=password)


async def _caller(users: UserService) -> User:
    return await users.get(current_principal().user_id or "")


def _may_see_all(principal: Principal, user: User) -> bool:
    is_self = principal.kind == "user" and principal.user_id == user.id
    return is_self or "admin" in principal.scopes

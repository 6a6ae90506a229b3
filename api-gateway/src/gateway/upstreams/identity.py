"""
The identity service, as the gateway uses it for people: sign-in, its renewal and end, the account.

Nothing here is repeated by itself but the read: a form that was sent may have been counted, and a
refresh token is good once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.upstreams.reading import UNREADABLE
from servicekit.http import Reply, ServiceClient, error_of_garbage

#: By it identity counts failed sign-ins; it believes the gateway (its TRUSTED_PROXIES).
CLIENT_ADDRESS_HEADER: Final = "X-Forwarded-For"

Text = Annotated[str, Meta(min_length=1)]
Moment = Annotated[datetime, Meta(tz=True)]
Answer = TypeVar("Answer", bound=Struct)


class Tokens(Struct, frozen=True, gc=False):
    """
    What a grant gave (RFC 6749, section 5.1). Its representation shows no token.
    """

    access_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$")]
    token_type: Annotated[str, Meta(pattern=r"^[Bb]earer$")]
    #: Seconds.
    expires_in: Annotated[int, Meta(gt=0)]
    scope: str
    refresh_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$")] | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_in={self.expires_in}, scope={self.scope!r})"


class Account(Struct, frozen=True, rename="camel", kw_only=True):
    """
    A person's account, as it is told to that person.
    """

    id: Text
    user_name: Text
    display_name: str
    email: str | None
    roles: list[str]
    disabled: bool
    created_at: Moment
    updated_at: Moment


class Identity:
    """
    Asks the identity service on behalf of a person, whose network address goes with it.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def token(self, form: Mapping[str, str], *, address: str | None) -> Tokens:
        """
        The tokens that ``form`` asks for.
        """
        reply = await self._client.post("/auth/token", form=form, headers=_from(address))
        return _read(reply, Tokens)

    async def revoke(self, token: str, *, address: str | None) -> None:
        """
        End an access token, or a refresh token with its whole sign-in.
        """
        await self._client.post("/auth/revoke", form={"token": token}, headers=_from(address))

    async def me(self, authorization: str, *, address: str | None) -> Account:
        """
        Whose token the ``authorization`` header shows, as the account is now.
        """
        headers = {"Authorization": authorization, **_from(address)}
        return _read(await self._client.get("/users/me", headers=headers), Account)


def _from(address: str | None) -> dict[str, str]:
    return {} if address is None else {CLIENT_ADDRESS_HEADER: address}


def _read(reply: Reply, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except UNREADABLE as error:
        raise error_of_garbage(reply.upstream, is_safe=reply.is_safe) from error

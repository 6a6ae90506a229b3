"""
What people do with their accounts, by way of the identity service.
"""

from collections.abc import Mapping
from typing import Final

from gateway.accounts.errors import GrantRefused
from gateway.accounts.refusals import passed_on
from gateway.upstreams.identity import Account, Identity, Tokens

#: What each grant sends on. Services get their tokens (client_credentials) from identity itself:
#: their secrets have no business at a door that is open to everybody.
FIELDS_OF_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "password": frozenset({"username", "password", "scope"}),
    "refresh_token": frozenset({"refresh_token", "scope"}),
}


class Accounts:
    """
    Raises what identity refuses as errors of our own (see ``accounts.refusals``), and the
    errors of the service client where identity fails.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def sign_in(self, form: Mapping[str, str], *, address: str | None) -> Tokens:
        """
        Tokens for the grant that ``form`` asks for; raises GrantRefused for one that is not for people.
        """
        fields = FIELDS_OF_GRANTS.get(form.get("grant_type", ""))
        if fields is None:
            raise GrantRefused(
                f"The grant type must be one of: {', '.join(FIELDS_OF_GRANTS)}.",
                fault="unsupported_grant_type" if "grant_type" in form else "invalid_request",
            )
        sent = {name: value for name, value in form.items() if name in fields}
        with passed_on():
            return await self._identity.token(
                {"grant_type": form["grant_type"], **sent}, address=address
            )

    async def refresh(self, refresh_token: str, *, address: str | None) -> Tokens:
        """
        The next tokens of a sign-in. A refresh token is good once: used again, its sign-in ends.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.sign_in(form, address=address)

    async def sign_out(self, token: str, *, address: str | None) -> None:
        """
        End an access token, or a refresh token with its whole sign-in; unknown ones are no error.
        """
        with passed_on():
            await self._identity.revoke(token, address=address)

    async def account(self, authorization: str, *, address: str | None) -> Account:
        """
        The account of whoever shows this ``Authorization`` header.
        """
        with passed_on():
            return await self._identity.me(authorization, address=address)

"""
What an access token says (RFC 9068), and whether that holds here and now.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from servicekit.auth.principals import Principal
from servicekit.auth.refusals import Reason, refused
from servicekit.text import PlainText

#: Stored and logged with what its bearer does.
_Id = Annotated[PlainText, Field(min_length=1, max_length=255)]
#: Seconds since 1970, whole or not.
_Moment = Annotated[float, Field(ge=0, lt=1e12)]


class Claims(BaseModel):
    """
    The claims of an access token. Those without a default must be there.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    iss: str
    aud: str | list[str]
    sub: _Id
    exp: _Moment
    iat: _Moment
    nbf: _Moment | None = None
    jti: _Id
    kind: Literal["user", "service"]
    scope: str = ""
    roles: list[str] = []
    permissions: list[str] = []
    email: str | None = None

    @property
    def begins_at(self) -> float:
        """
        The moment from which the token is good.
        """
        return self.iat if self.nbf is None else max(self.iat, self.nbf)

    def principal(self) -> Principal:
        """
        The caller that the token speaks of.
        """
        return Principal(
            user_id=self.sub,
            email=self.email,
            roles=frozenset(self.roles),
            permissions=frozenset(self.permissions),
            scopes=frozenset(self.scope.split()),
            kind=self.kind,
        )


def claims_of(payload: bytes) -> Claims:
    """
    The claims in a verified payload; raises AuthError where they are not those of an access token.
    """
    try:
        return Claims.model_validate_json(payload)
    except ValidationError as error:
        is_missing = any(fault["type"] == "missing" for fault in error.errors(include_input=False))
        raise refused("claim_missing" if is_missing else "claims") from None


def check(claims: Claims, *, issuer: str, audience: str, now: float, leeway_s: float) -> None:
    """
    Raise AuthError unless the token is by our issuer, for us, and good at the moment ``now``.

    Clocks may differ by ``leeway_s``.
    """
    fault = _fault(claims, issuer=issuer, audience=audience, now=now, leeway_s=leeway_s)
    if fault is not None:
        raise refused(fault)


def _fault(
    claims: Claims, *, issuer: str, audience: str, now: float, leeway_s: float
) -> Reason | None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer:
        return "issuer"
    if audience not in audiences:
        return "audience"
    if now >= claims.exp + leeway_s:
        return "expired"
    if now < claims.iat - leeway_s:
        return "issued_in_future"
    if now < claims.begins_at - leeway_s:
        return "not_yet_valid"
    return None

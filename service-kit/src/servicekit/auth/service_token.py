"""
This service's own access token, for its calls to other services.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from servicekit.auth.renewal import Renewal
from servicekit.errors import ServiceUnavailable

#: The part of a token's life after which the next one is fetched.
RENEW_AFTER: Final = 0.8
#: A token that is sent now must still be good when it arrives.
ON_THE_WAY_S: Final = 5.0

FetchToken = Callable[[], Awaitable[bytes | Mapping[str, object]]]


class ServiceToken:
    """
    Gives the ``Authorization`` header of this service's calls: ``await token()``.

    ``fetch`` asks the identity service by client credentials and returns its answer
    (RFC 6749, section 5.1). A token is renewed beside the calls that use it, after 80 % of its
    life; while the identity service is away the old one serves until it expires, and then
    ServiceUnavailable is raised.
    """

    def __init__(
        self,
        fetch: FetchToken,
        *,
        now: Callable[[], float] = time.monotonic,
        on_failure: Callable[[], object] = lambda: None,
    ) -> None:
        async def fetch_token() -> _Issued:
            return _issued(await fetch())

        self._renewal = Renewal(fetch_token, name="service-token", now=now, on_failure=on_failure)

    async def __call__(self) -> str:
        """
        ``Bearer`` and the token.
        """
        issued = self._usable()
        if issued is None:
            await self._renewal.attempt()
            issued = self._usable()
        elif self._renewal.age_s >= issued.expires_in * RENEW_AFTER:
            self._renewal.begin()
        if issued is None:
            raise ServiceUnavailable(
                "the identity service", retry_after_s=self._renewal.retry_after_s
            )
        return issued.authorization

    async def aclose(self) -> None:
        """
        End a fetch in progress.
        """
        await self._renewal.aclose()

    def _usable(self) -> "_Issued | None":
        issued = self._renewal.value
        if issued is None or self._renewal.age_s >= issued.usable_for_s:
            return None
        return issued


class _Issued(BaseModel):
    """
    A token as the identity service gave it. Its representation does not show it.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", repr=False)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    expires_in: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @property
    def authorization(self) -> str:
        """
        What goes into the header.
        """
        return f"Bearer {self.access_token}"

    @property
    def usable_for_s(self) -> float:
        """
        Seconds from its issue during which it can be sent.
        """
        # A token that lives for seconds only is used for most of them.
        return max(self.expires_in - ON_THE_WAY_S, self.expires_in / 2)


def _issued(answer: bytes | Mapping[str, object]) -> _Issued:
    if isinstance(answer, bytes):
        return _Issued.model_validate_json(answer)
    return _Issued.model_validate(answer)

"""
What this service tells of itself: one log event and one count for each thing that matters.

Nothing here holds a name, an address, a password or a token; an account that
could not be signed in to is known by its pseudonym.
"""

import structlog

from servicekit.telemetry import Telemetry

log = structlog.get_logger()


class AuthEvents:
    """
    Tells the log and the metrics what happened.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._issued = telemetry.counter(
            "auth_tokens_issued_total", "Access tokens that were issued", ("grant",)
        )
        self._failed = telemetry.counter(
            "auth_sign_ins_failed_total", "Sign-ins that failed or had to wait", ("kind", "reason")
        )
        # From the first scrape on, or the first of a kind would be no increase.
        for kind in ("user", "client"):
            for reason in ("refused", "throttled"):
                self._failed.labels(kind, reason)
        self._reused = telemetry.counter(
            "auth_refresh_tokens_reused_total", "Families ended because a used token came back"
        )
        self._rotated = telemetry.counter(
            "auth_signing_keys_added_total", "Signing keys that this replica added", ("reason",)
        )

    def token_issued(
        self, grant: str, *, kind: str, subject_id: str, family_id: str | None
    ) -> None:
        """
        Somebody was let in.
        """
        self._issued.labels(grant).inc()
        log.info(
            "auth.token_issued", grant=grant, kind=kind, subject_id=subject_id, family_id=family_id
        )

    def sign_in_failed(self, kind: str, *, account: str) -> None:
        """
        A password or secret was wrong; ``account`` is a pseudonym.
        """
        self._failed.labels(kind, "refused").inc()
        log.info("auth.sign_in_failed", kind=kind, account=account)

    def sign_in_throttled(self, kind: str, *, account: str, wait_s: float) -> None:
        """
        A sign-in was not looked at, because others had failed.
        """
        self._failed.labels(kind, "throttled").inc()
        log.info("auth.sign_in_throttled", kind=kind, account=account, wait_s=round(wait_s, 1))

    def refresh_reused(self, *, family_id: str, user_id: str) -> None:
        """
        A used refresh token came back: its family has ended.
        """
        self._reused.inc()
        log.warning("auth.refresh_reused", family_id=family_id, user_id=user_id)

    def refresh_refused(self, reason: str, *, family_id: str | None) -> None:
        """
        A refresh token was not good.
        """
        log.info("auth.refresh_refused", reason=reason, family_id=family_id)

    def key_added(self, *, kid: str, generation: int, reason: str) -> None:
        """
        There is a new signing key.
        """
        self._rotated.labels(reason).inc()
        log.warning("auth.signing_key_added", kid=kid, generation=generation, reason=reason)

    def changed(self, event: str, *, subject_id: str, by: str | None) -> None:
        """
        An account or a client was changed by ``by``.
        """
        log.info(event, subject_id=subject_id, by=by)

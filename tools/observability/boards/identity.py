"""
Who is let in and who is not, at identity and at every service that checks a token.
"""

from typing import Final

from tools.observability.tables import Dashboard, Panel, Query, Row, quantiles, share

SIGN_INS: Final = Row(
    "Signing in",
    (
        Panel(
            "Tokens issued, by grant",
            (
                Query(
                    "sum by (grant) (rate(auth_tokens_issued_total[$__rate_interval]))",
                    "{{grant}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Sign-ins that failed",
            (
                Query(
                    "sum by (kind, reason) (rate(auth_sign_ins_failed_total[$__rate_interval]))",
                    "{{kind}}: {{reason}}",
                ),
            ),
            "throttled: not looked at, because others had failed. Many of one kind: guessing.",
            unit="per second",
        ),
        Panel(
            "Used refresh tokens that came back",
            (
                Query(
                    "sum(increase(auth_refresh_tokens_reused_total[$__rate_interval]))", "families"
                ),
            ),
            "Each has ended a family: somebody may have had a copy.",
            unit="each",
        ),
    ),
)

TOKENS: Final = Row(
    "Tokens, where they are checked",
    (
        Panel(
            "Checked",
            (
                Query(
                    "sum by (job, outcome) (rate(auth_tokens_checked_total[$__rate_interval]))",
                    "{{job}}: {{outcome}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Refused, by reason",
            (
                Query(
                    "sum by (job, reason) (rate("
                    'auth_tokens_checked_total{outcome="refused"}[$__rate_interval])) > 0',
                    "{{job}}: {{reason}}",
                ),
            ),
            "expired is everyday life; signature and key_unknown are not.",
            unit="per second",
        ),
        Panel(
            "Refused, as a share",
            (
                Query(
                    share(
                        "sum by (job) (rate("
                        'auth_tokens_checked_total{outcome="refused"}[$__rate_interval]))',
                        "sum by (job) (rate(auth_tokens_checked_total[$__rate_interval]))",
                    ),
                    "{{job}}",
                ),
            ),
            unit="share",
        ),
        Panel(
            "Age of identity's keys",
            (Query("max by (job) (auth_keys_age_seconds < +Inf)", "{{job}}"),),
            "Renewed at 300 s, not used any more from 3600 s on.",
            unit="s",
        ),
        Panel(
            "Renewals that failed",
            (
                Query(
                    "sum by (job, of) (increase(auth_renewal_failures_total[$__rate_interval]))",
                    "{{job}}: {{of}}",
                ),
            ),
            unit="each",
        ),
        Panel(
            "Signing keys added",
            (
                Query(
                    "sum by (reason) (increase(auth_signing_keys_added_total[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
            unit="each",
        ),
    ),
)

SERVICE: Final = Row(
    "The identity service",
    (
        Panel(
            "Requests",
            (
                Query(
                    "sum by (method, route) (rate(http_request_duration_seconds_count"
                    '{job="identity-service",route!~"/health.*|/metrics"}[$__rate_interval]))',
                    "{{method}} {{route}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Answers that are no success",
            (
                Query(
                    "sum by (route, status) (rate(http_request_duration_seconds_count"
                    '{job="identity-service",status=~"4..|5.."}[$__rate_interval]))',
                    "{{status}} {{route}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "How long a sign-in takes",
            tuple(
                Query(
                    quantiles(
                        "http_request_duration_seconds",
                        where='job="identity-service",route=~".*/auth/token"',
                        of=part,
                    ),
                    f"{part:.0%} within",
                )
                for part in (0.5, 0.95)
            ),
            "Most of it is argon2id, which is meant to cost something.",
            unit="s",
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    "identity",
    "Identity and tokens",
    "Who is let in, and who is not.",
    (SIGN_INS, TOKENS, SERVICE),
)

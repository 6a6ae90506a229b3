"""
What services ask of each other: how often, how well, what the breakers think, and what batches save.
"""

from typing import Final

from tools.observability.tables import Dashboard, Panel, Query, Row, quantiles, share

_CALLS: Final = "upstream_call_duration_seconds_count"

CALLS: Final = Row(
    "Calls",
    (
        Panel(
            "Calls",
            (
                Query(
                    f"sum by (job, upstream) (rate({_CALLS}[$__rate_interval]))",
                    "{{job}} to {{upstream}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Calls that came to nothing, as a share",
            (
                Query(
                    share(
                        "sum by (job, upstream, outcome) (rate("
                        f'{_CALLS}{{outcome!~"ok|refused|cancelled"}}[$__rate_interval]))',
                        f"sum by (job, upstream) (rate({_CALLS}[$__rate_interval]))",
                        on="job, upstream",
                    ),
                    "{{job}} to {{upstream}}: {{outcome}}",
                ),
            ),
            "unknown: a write was sent and no answer came. A refusal is an answer.",
            unit="share",
        ),
        Panel(
            "How long a call takes, retries and waits included: 95 % within",
            (
                Query(
                    quantiles("upstream_call_duration_seconds", by="job, upstream"),
                    "{{job}} to {{upstream}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Calls in progress",
            (
                Query(
                    "sum by (job, upstream) (upstream_calls_in_progress)",
                    "{{job}} to {{upstream}}",
                ),
            ),
            unit="each",
        ),
        Panel(
            "Retries, as a share of calls",
            (
                Query(
                    share(
                        "sum by (job, upstream) (rate(upstream_retries_total[$__rate_interval]))",
                        f"sum by (job, upstream) (rate({_CALLS}[$__rate_interval]))",
                    ),
                    "{{job}} to {{upstream}}",
                ),
            ),
            "From 20 % on nothing is repeated any more.",
            unit="share",
        ),
    ),
)

BREAKERS: Final = Row(
    "Breakers",
    (
        Panel(
            "State",
            (
                Query(
                    "max by (job, instance, upstream) (upstream_breaker_state)",
                    "{{job}} {{instance}} to {{upstream}}",
                ),
            ),
            "Open: an upstream is left alone, and calls fail at once.",
            kind="states",
            width=16,
            names=("closed", "half open", "open"),
        ),
        Panel(
            "Changes",
            (
                Query(
                    "sum by (upstream, to) "
                    "(increase(upstream_breaker_transitions_total[$__rate_interval]))",
                    "{{upstream}}: {{to}}",
                ),
            ),
            unit="each",
        ),
    ),
)

BATCHES: Final = Row(
    "Batches: concurrent reads share calls",
    (
        Panel(
            "Keys in one call",
            (
                Query(
                    share(
                        "sum by (upstream) (rate(catalog_batch_keys_sum[$__rate_interval]))",
                        "sum by (upstream) (rate(catalog_batch_keys_count[$__rate_interval]))",
                    ),
                    "{{upstream}}, on average",
                ),
                Query(quantiles("catalog_batch_keys", by="upstream"), "{{upstream}}, 95 % at most"),
            ),
            "200 at most.",
        ),
        Panel(
            "Lookups for one call",
            (
                Query(
                    share(
                        "sum by (upstream) (rate(catalog_lookups_total[$__rate_interval]))",
                        "sum by (upstream) (rate(catalog_calls_total[$__rate_interval]))",
                    ),
                    "{{upstream}}",
                ),
            ),
            "What batches save: without them this would be 1.",
        ),
        Panel(
            "Lookups that joined another's, as a share",
            (
                Query(
                    share(
                        "sum by (upstream) (rate(catalog_shared_lookups_total[$__rate_interval]))",
                        "sum by (upstream) (rate(catalog_lookups_total[$__rate_interval]))",
                    ),
                    "{{upstream}}",
                ),
            ),
            unit="share",
        ),
        Panel(
            "How long the first in line waits: 95 % within",
            (Query(quantiles("catalog_batch_wait_seconds", by="upstream"), "{{upstream}}"),),
            unit="s",
        ),
        Panel(
            "In line now",
            (Query("sum by (upstream) (catalog_waiting)", "{{upstream}}"),),
            unit="each",
        ),
        Panel(
            "Lists and pictures asked for, for one call",
            (
                Query(
                    'sum by (list) (rate(catalog_lists_total{counted="lookups"}[$__rate_interval]))'
                    " / (sum by (list) "
                    '(rate(catalog_lists_total{counted="calls"}[$__rate_interval])) > 0)',
                    "{{list}}",
                ),
            ),
        ),
        Panel(
            "Products and prices asked for",
            (
                Query(
                    "sum by (upstream) (rate(catalog_keys_total[$__rate_interval]))",
                    "{{upstream}}: keys sent",
                ),
            ),
            unit="per second",
        ),
    ),
)

CACHE: Final = Row(
    "Pricing's cache",
    (
        Panel(
            "Prices looked up in Redis",
            (
                Query(
                    "sum by (outcome) (rate(price_cache_lookups_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "With Redis away, prices come from the database.",
            unit="per second",
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    "upstreams",
    "Upstreams",
    "What services ask of each other.",
    (CALLS, BREAKERS, BATCHES, CACHE),
)

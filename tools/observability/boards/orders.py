"""
How orders are carried out: the works and their steps, what holds them up, and what the backends do for them.
"""

from typing import Final

from tools.observability.tables import Dashboard, Panel, Query, Row, quantiles, share

WORKS: Final = Row(
    "Works: placings and cancellations",
    (
        Panel(
            "On their way",
            (
                Query("sum by (instance) (saga_running)", "{{instance}}"),
                Query("sum by (instance) (saga_waiting)", "{{instance}}, between two attempts"),
                Query("max(saga_limit)", "from here on: 503"),
            ),
            unit="each",
        ),
        Panel(
            "How they end",
            (
                Query(
                    "sum by (saga, outcome) (rate(saga_ended_total[$__rate_interval]))",
                    "{{saga}} {{outcome}}",
                ),
            ),
            "refused: a business no. failed: given up for want of something, and undone.",
            unit="per second",
        ),
        Panel(
            "How long they take: 95 % within",
            (
                Query(
                    quantiles("saga_duration_seconds", by="saga, outcome"), "{{saga}} {{outcome}}"
                ),
            ),
            unit="s",
        ),
    ),
)

STEPS: Final = Row(
    "Steps",
    (
        Panel(
            "Attempts by what they came to",
            (
                Query(
                    "sum by (step, deed, outcome) "
                    "(rate(saga_attempt_duration_seconds_count[$__rate_interval]))",
                    "{{deed}} {{step}}: {{outcome}}",
                ),
            ),
            "unknown: no answer, or an unusable one; it is tried again with the same key.",
            unit="per second",
        ),
        Panel(
            "How long an attempt takes: 95 % within",
            (
                Query(
                    quantiles("saga_attempt_duration_seconds", by="step, deed"), "{{deed}} {{step}}"
                ),
            ),
            unit="s",
        ),
        Panel(
            "Attempts without an answer, as a share",
            (
                Query(
                    share(
                        "sum by (step) (rate("
                        'saga_attempt_duration_seconds_count{outcome="unknown"}[$__rate_interval]))',
                        "sum by (step) "
                        "(rate(saga_attempt_duration_seconds_count[$__rate_interval]))",
                    ),
                    "{{step}}",
                ),
            ),
            unit="share",
        ),
    ),
)

HELD_UP: Final = Row(
    "What is held up, and who died",
    (
        Panel(
            "Need attention now",
            (Query("max(orders_needing_attention)", "orders"),),
            "docs/operations.md, When an order needs attention.",
            unit="each",
        ),
        Panel(
            "Carried out by nobody",
            (
                Query("max by (why) (orders_stranded)", "now: {{why}}"),
                Query("sum(increase(orders_carried_on_total[$__rate_interval]))", "carried on"),
            ),
            "docs/operations.md, OrdersStranded and OrdersCarriedOn.",
            unit="each",
        ),
        Panel(
            "Began to need attention, by step",
            (
                Query(
                    "sum by (saga, step) (increase(saga_attention_total[$__rate_interval]))",
                    "{{saga}}: {{step}}",
                ),
            ),
            unit="each",
        ),
        Panel(
            "Went on after a restart, or in another replica",
            (
                Query(
                    "sum by (saga) (increase(saga_recoveries_total[$__rate_interval]))",
                    "{{saga}}: went on",
                ),
                Query(
                    "sum by (why) (increase(saga_takeovers_total[$__rate_interval]))",
                    "taken over: {{why}}",
                ),
            ),
            "left: a replica that stopped in good order. gone, frozen: one that was lost.",
            unit="each",
        ),
    ),
)

WRITING: Final = Row(
    "Writing orders down",
    (
        Panel(
            "Rows in one shared transaction",
            (
                Query(
                    share(
                        "sum(rate(database_group_rows_sum[$__rate_interval]))",
                        "sum(rate(database_group_rows_count[$__rate_interval]))",
                    ),
                    "on average",
                ),
                Query(quantiles("database_group_rows"), "95 % at most"),
            ),
            "Orders that come at once share a commit.",
        ),
        Panel(
            "Shared transactions",
            (
                Query("sum(rate(database_group_rows_count[$__rate_interval]))", "all"),
                Query("sum(rate(database_groups_apart_total[$__rate_interval]))", "taken apart"),
            ),
            "Taken apart where one of them was refused: the others are written again without it.",
            unit="per second",
        ),
        Panel(
            "Tasks of the upkeep that did not succeed",
            (
                Query(
                    "sum by (task, outcome) (increase(maintenance_runs_total"
                    '{job="api-gateway",outcome!="done"}[$__rate_interval]))',
                    "{{task}}: {{outcome}}",
                ),
            ),
            unit="each",
        ),
    ),
)

BACKENDS: Final = Row(
    "What the backends do for orders",
    (
        Panel(
            "Reservations",
            (
                Query(
                    "sum by (outcome) (rate(stock_reservations_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "expired: stock came back by itself. Many of them: orders are begun and not ended.",
            unit="per second",
        ),
        Panel(
            "Refused movements of stock",
            (
                Query(
                    "sum by (reason) (rate(stock_refusals_total[$__rate_interval]))", "{{reason}}"
                ),
                Query(
                    "sum(rate(stock_sweep_failures_total[$__rate_interval]))",
                    "books that contradict themselves",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Quotes",
            (Query("sum by (outcome) (rate(quotes_total[$__rate_interval]))", "{{outcome}}"),),
            unit="per second",
        ),
        Panel(
            "Stock levels changed by hand",
            (Query("sum(increase(stock_adjustments_total[$__rate_interval]))", "changes"),),
            unit="each",
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    "orders",
    "Orders and sagas",
    "How orders are carried out.",
    (WORKS, STEPS, HELD_UP, WRITING, BACKENDS),
)

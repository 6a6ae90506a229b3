"""
What shoppers notice: whether they are answered, how fast, how completely, and what becomes of their orders.
"""

from typing import Final

from tools.observability.tables import Dashboard, Panel, Query, Row, quantiles, share

#: What people and their programs ask for, without probes and pages about the service itself.
PEOPLES: Final = (
    'job="api-gateway",route!~"/health.*|/metrics|/docs.*|/redoc|/openapi.json|\\\\(none\\\\)"'
)
READS: Final = (
    'job="api-gateway",route=~".*/products|.*/products/{product_id}|.*/products/bulk-check"'
)


def _kept(slo: str) -> str:
    return f'1 - slo:bad:ratio1h{{slo="{slo}"}}'


PROMISES: Final = Row(
    "What is promised, and kept in the last hour",
    (
        Panel(
            "Answered without a fault",
            (Query(_kept("availability")),),
            "Promised: 99.9 % of requests are not answered with 5xx.",
            unit="share",
            kind="number",
            width=4,
            limits=(0.999, 0.99),
        ),
        Panel(
            "Products within 250 ms",
            (Query(_kept("read-latency")),),
            "Promised: 99 % of products and lists.",
            unit="share",
            kind="number",
            width=4,
            limits=(0.99, 0.95),
        ),
        Panel(
            "Orders within 2.5 s",
            (Query(_kept("order-latency")),),
            "Promised: 99 % of orders are answered within 2.5 s.",
            unit="share",
            kind="number",
            width=4,
            limits=(0.99, 0.95),
        ),
        Panel(
            "Orders that need attention",
            (Query("max(orders_needing_attention)"),),
            "They cannot be ended by themselves: docs/operations.md, OrdersNeedAttention.",
            unit="each",
            kind="number",
            width=4,
            limits=(1, 2),
        ),
        Panel(
            "Alarms",
            (Query('ALERTS{alertstate="firing"}'),),
            "Each has a section of its name in docs/operations.md.",
            kind="table",
        ),
    ),
)

REQUESTS: Final = Row(
    "Requests",
    (
        Panel(
            "Requests by route",
            (
                Query(
                    "sum by (method, route) "
                    f"(rate(http_request_duration_seconds_count{{{PEOPLES}}}[$__rate_interval]))",
                    "{{method}} {{route}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Answers that are no success, by status",
            (
                Query(
                    "sum by (status) (rate(http_request_duration_seconds_count"
                    f'{{{PEOPLES},status=~"4..|5.."}}[$__rate_interval]))',
                    "{{status}}",
                ),
            ),
            "5xx are ours. 499: the client left. 401, 404, 409 and 422 are mostly everyday life.",
            unit="per second",
        ),
        Panel(
            "Faults by route (5xx)",
            (
                Query(
                    "sum by (method, route, status) (rate(http_request_duration_seconds_count"
                    f'{{{PEOPLES},status=~"5.."}}[$__rate_interval]))',
                    "{{status}} {{method}} {{route}}",
                ),
            ),
            "Look for request.failed and request.crashed with this route in the log.",
            unit="per second",
        ),
        Panel(
            "How long products and lists take",
            tuple(
                Query(
                    quantiles("http_request_duration_seconds", where=READS, of=part),
                    f"{part:.0%} within",
                )
                for part in (0.5, 0.95, 0.99)
            ),
            unit="s",
        ),
        Panel(
            "How long each route takes: 95 % within",
            (
                Query(
                    quantiles("http_request_duration_seconds", where=PEOPLES, by="method, route"),
                    "{{method}} {{route}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Requests in progress",
            (Query('sum by (instance) (http_requests_in_progress{job="api-gateway"})'),),
            "By replica.",
            unit="each",
        ),
    ),
)

COMPLETENESS: Final = Row(
    "How complete answers are",
    (
        Panel(
            "Missing or old, as a share of what was looked up",
            (
                Query(
                    share(
                        "sum by (part) (rate(catalog_lacks_total[$__rate_interval]))",
                        "sum by (part) (label_replace(rate(catalog_lookups_total[$__rate_interval]),"
                        ' "part", "$1", "upstream", "(.*)"))',
                    ),
                    "{{part}}",
                ),
            ),
            "A shopper sees a product without its price or stock, or with an old one.",
            unit="share",
            width=12,
        ),
        Panel(
            "Missing or old, by reason",
            (
                Query(
                    "sum by (part, reason, stale) (rate(catalog_lacks_total[$__rate_interval]))",
                    "{{part}} {{reason}}, old value: {{stale}}",
                ),
            ),
            unit="per second",
            width=12,
        ),
    ),
)

ORDERS: Final = Row(
    "Orders",
    (
        Panel(
            "What becomes of orders",
            (
                Query(
                    "sum by (outcome) (rate(orders_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "REJECTED is business: sold out, a code that has ended. FAILED is ours.",
            unit="per second",
        ),
        Panel(
            "How long shoppers wait for their order",
            (
                *(
                    Query(quantiles("order_answer_seconds", of=part), f"{part:.0%} within")
                    for part in (0.5, 0.95, 0.99)
                ),
            ),
            unit="s",
        ),
        Panel(
            "How orders are answered",
            (
                Query(
                    "sum by (status) (rate(order_answer_seconds_count[$__rate_interval]))",
                    "{{status}}",
                ),
            ),
            "PENDING: with 202, come back.",
            unit="per second",
        ),
        Panel(
            "Where orders' answers fall",
            (Query("sum by (le) (increase(order_answer_seconds_bucket[$__rate_interval]))"),),
            unit="s",
            kind="heat",
            width=12,
        ),
        Panel(
            "Newest orders, as traces",
            (Query("api-gateway: POST /api/v1/orders"),),
            "Where traces are sent (OTEL_EXPORTER_OTLP_ENDPOINT). An answer's X-Trace-ID finds its own.",
            kind="traces",
            width=12,
        ),
    ),
)

BUDGETS: Final = Row(
    "How fast the budgets of 30 days are spent",
    tuple(
        Panel(
            f"Over {window}",
            (Query(f"slo:bad:ratio{window} / on (slo) slo:budget:ratio", "{{slo}}"),),
            says,
        )
        for window, says in (
            ("1h", "1: exactly as fast as allowed. From 14.4 on somebody is paged."),
            ("6h", "From 6 on somebody is paged."),
            ("3d", "From 1 on there is a ticket."),
        )
    ),
)

DASHBOARD: Final = Dashboard(
    "storefront",
    "Storefront",
    "What shoppers notice.",
    (PROMISES, REQUESTS, COMPLETENESS, ORDERS, BUDGETS),
)

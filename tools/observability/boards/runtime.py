"""
The processes: whether they run, what they use, and what they stand on.
"""

from typing import Final

from tools.observability.tables import Dashboard, Panel, Query, Row, quantiles, share

_HERE: Final = 'job=~"$job"'

RUNNING: Final = Row(
    "What runs",
    (
        Panel(
            "Replicas that answer",
            (Query(f"sum by (job) (up{{{_HERE}}})", "{{job}}"),),
            unit="each",
        ),
        Panel(
            "Versions",
            (Query(f"count by (job, version) (service_info{{{_HERE}}})"),),
            "Two of one service: an upgrade is on its way, or stuck.",
            kind="table",
        ),
        Panel(
            "For how long they have been running",
            (
                Query(
                    f"time() - process_start_time_seconds{{{_HERE}}}",
                    "{{job}} {{instance}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "What they depend on",
            (
                Query(
                    f"min by (job, dependency) (dependency_healthy{{{_HERE}}})",
                    "{{job}}: {{dependency}}",
                ),
            ),
            "As their probes found it last; an upstream is well while its breaker is closed.",
            kind="states",
            width=24,
            names=("away", "well"),
        ),
    ),
)

LOOP: Final = Row(
    "The event loop",
    (
        Panel(
            "How late it is: 95 % within",
            (
                Query(
                    quantiles("event_loop_lag_seconds", where=_HERE, by="job, instance"),
                    "{{job}} {{instance}}",
                ),
            ),
            "Everything that a process does waits for it. Tens of ms: it is full, or something blocks it.",
            unit="s",
        ),
        Panel(
            "Requests in progress",
            (
                Query(
                    f"sum by (job, instance) (http_requests_in_progress{{{_HERE}}})",
                    "{{job}} {{instance}}",
                ),
            ),
            unit="each",
        ),
        Panel(
            "Requests, probes among them",
            (
                Query(
                    "sum by (job, instance) "
                    f"(rate(http_request_duration_seconds_count{{{_HERE}}}[$__rate_interval]))",
                    "{{job}} {{instance}}",
                ),
            ),
            unit="per second",
        ),
    ),
)

USED: Final = Row(
    "What they use",
    (
        Panel(
            "Of a core",
            (
                Query(
                    f"rate(process_cpu_seconds_total{{{_HERE}}}[$__rate_interval])",
                    "{{job}} {{instance}}",
                ),
            ),
            "One process can use one core, and little more.",
            unit="share",
        ),
        Panel(
            "Memory",
            (
                Query(
                    f"process_resident_memory_bytes{{{_HERE}}}",
                    "{{job}} {{instance}}",
                ),
            ),
            unit="B",
        ),
        Panel(
            "Open files, as a share of what is allowed",
            (
                Query(
                    share(
                        f"process_open_fds{{{_HERE}}}",
                        f"process_max_fds{{{_HERE}}}",
                    ),
                    "{{job}} {{instance}}",
                ),
            ),
            "Connections are files.",
            unit="share",
        ),
        Panel(
            "Collections of garbage",
            (
                Query(
                    "sum by (job, generation) "
                    f"(rate(python_gc_collections_total{{{_HERE}}}[$__rate_interval]))",
                    "{{job}}: generation {{generation}}",
                ),
            ),
            unit="per second",
        ),
        Panel(
            "Connections to databases, as a share of the pool",
            (
                Query(
                    share(
                        f"database_connections_in_use{{{_HERE}}}",
                        f"database_connections_limit{{{_HERE}}}",
                    ),
                    "{{job}} {{instance}}",
                ),
            ),
            unit="share",
        ),
        Panel(
            "Maintenance that did not succeed",
            (
                Query(
                    "sum by (job, task, outcome) (increase(maintenance_runs_total"
                    f'{{{_HERE},outcome!="done"}}[$__rate_interval])) > 0',
                    "{{job}} {{task}}: {{outcome}}",
                ),
            ),
            "postponed: the database was away. failed: a fault of ours, with a traceback in the log.",
            unit="each",
        ),
    ),
)

WATCHING: Final = Row(
    "What watches",
    (
        Panel(
            "Spans",
            (
                Query(
                    f"sum by (job, outcome) (rate(trace_spans_total{{{_HERE}}}[$__rate_interval]))",
                    "{{job}}: {{outcome}}",
                ),
            ),
            "Only where traces are sent.",
            unit="per second",
        ),
        Panel(
            "The collector",
            (
                Query(
                    "sum(rate(otelcol_receiver_accepted_spans_total[$__rate_interval]))", "came in"
                ),
                Query(
                    "sum(rate(otelcol_exporter_sent_spans_total[$__rate_interval]))", "handed on"
                ),
                Query(
                    "sum(rate(otelcol_exporter_send_failed_spans_total[$__rate_interval]))", "lost"
                ),
            ),
            unit="per second",
        ),
        Panel(
            "How long a scrape takes",
            (Query("max by (job) (scrape_duration_seconds)", "{{job}}"),),
            unit="s",
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    "runtime",
    "Runtime",
    "The processes, and what they stand on.",
    (RUNNING, LOOP, USED, WATCHING),
    is_by_service=True,
)

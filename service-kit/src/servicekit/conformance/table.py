"""
Every check there is, in the order in which a report shows them.
"""

from typing import Final

from servicekit.conformance.check import Check
from servicekit.conformance.suite import (
    auth,
    bodies,
    correlation,
    deadline,
    docs,
    drain,
    errors,
    health,
    inputs,
    metrics,
    robustness,
)

CHECKS: Final[tuple[Check, ...]] = (
    health.health_tells_the_state,
    health.status_follows_from_dependencies,
    health.live_answers,
    health.ready_answers,
    health.probes_are_open_to_everybody,
    correlation.correlation_id_is_echoed,
    correlation.correlation_id_is_made,
    correlation.malformed_correlation_id_is_replaced,
    correlation.errors_quote_the_correlation_id,
    correlation.traceparent_is_continued,
    correlation.invalid_traceparent_restarts_the_trace,
    errors.unknown_address_is_404,
    errors.wrong_method_is_405,
    errors.problem_json_is_given_where_asked,
    bodies.malformed_json_is_400,
    bodies.wrong_values_are_422,
    bodies.body_told_too_large_is_413,
    bodies.body_grown_too_large_is_413,
    inputs.no_input_crashes_it,
    inputs.errors_tell_no_secrets,
    docs.openapi_is_valid,
    docs.operations_have_summaries,
    docs.good_answers_have_examples,
    docs.bad_answers_have_examples,
    docs.bad_answers_have_the_error_schema,
    docs.documentation_pages_answer,
    auth.closed_operations_refuse_strangers,
    auth.a_good_token_is_accepted,
    auth.garbage_tokens_are_refused,
    auth.unsigned_tokens_are_refused,
    auth.forged_tokens_are_refused,
    auth.other_schemes_are_refused,
    deadline.no_time_left_is_504,
    deadline.garbage_deadline_is_400,
    deadline.little_time_ends_promptly,
    metrics.metrics_are_prometheus_text,
    metrics.requests_are_measured,
    metrics.labels_are_bounded,
    robustness.bad_http_does_no_harm,
    robustness.ambiguous_lengths_are_refused,
    robustness.endless_headers_are_cut_off,
    robustness.abandoned_requests_do_no_harm,
    robustness.slow_clients_do_no_harm,
    drain.ready_ends_with_the_signal,
    drain.newcomers_are_served_during_the_delay,
    drain.requests_in_progress_are_completed,
    drain.process_ends_in_time,
    drain.process_ends_with_zero,
)


def checks(*, ends_service: bool | None = None) -> tuple[Check, ...]:
    """
    The checks: all, those that leave the service running (False), or those that stop it (True).
    """
    return tuple(c for c in CHECKS if ends_service is None or c.ends_service is ends_service)

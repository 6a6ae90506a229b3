"""
Traces: what one request has caused, piece by piece, in this service and in others.

``spans`` is what everybody else knows of them, and costs nothing. Where an endpoint is configured,
``recording`` makes the spans, ``sending`` sends them in the background, and ``otlp`` says them in
OpenTelemetry's words; it alone imports OpenTelemetry. ``posting`` bounds what a collector may cost.
"""

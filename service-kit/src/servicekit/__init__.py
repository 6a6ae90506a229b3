"""
What every service of the storefront needs, once and well: settings, logs,
correlation, errors, health, telemetry, auth, database, outgoing calls.

The kit knows no business word. ``docs/architecture.md`` shows how a request
passes through it; ``servicekit.app.create_service`` is where to start reading.
"""

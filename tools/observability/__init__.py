"""
Observability as code: ``python -m tools.observability write`` makes the dashboards of Grafana from the tables
here, ``check`` has what stands in ``observability/`` looked at by whichever of its tools are installed.
"""

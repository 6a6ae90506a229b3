"""
The supervisor behind ``make demo``: prepares the services, runs them together, stops them together.

Read :mod:`tools.demo.services` for what runs and :mod:`tools.demo.supervisor` for how.
"""

"""
Restarts gateways one after another while people read and order, and counts what fails.
"""

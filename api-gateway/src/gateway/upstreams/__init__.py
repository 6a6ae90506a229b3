"""
The services behind the gateway, as typed clients: the only place that knows their paths and bodies.
"""

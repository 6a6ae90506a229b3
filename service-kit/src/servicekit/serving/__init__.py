"""
How a service meets its network: it accepts, reads requests within bounds, writes answers, and stops.

``server.run`` is the way in; all the rest is what it hands to uvicorn, or does in its place.
"""

"""
What every request passes through, each a plain ASGI callable, outermost first:

correlation -> request log -> head -> error boundary -> lifetime -> body limit -> (a service's own) -> authentication -> route

``servicekit.app`` puts them together.
"""

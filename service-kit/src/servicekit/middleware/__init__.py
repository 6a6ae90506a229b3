"""
What every request passes through, outermost first:

correlation -> request log -> head -> error boundary -> lifetime -> body limit -> (a service's own) -> authentication -> route

``way`` walks it in one function; what each step does stands in a module of its name.
"""

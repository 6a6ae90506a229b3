"""
The checks themselves, one module a topic; ``servicekit.conformance.table`` lists them.
"""

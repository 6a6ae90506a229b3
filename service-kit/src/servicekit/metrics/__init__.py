"""
The metrics that every service has, and the buckets that they are counted in.
"""

"""
What the Makefile runs: the environment's bootstrap, the demo, the lock files.

Nothing here is part of a service.
"""

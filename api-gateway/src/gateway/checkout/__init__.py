"""
Orders: what is asked for is carried through whole or not at all, and told of while it happens.
"""

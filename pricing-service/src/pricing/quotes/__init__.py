"""
What an order costs: calculated, and held for a while.
"""

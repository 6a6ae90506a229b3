"""
Discount codes: what they are worth, and the arithmetic that applies them.
"""

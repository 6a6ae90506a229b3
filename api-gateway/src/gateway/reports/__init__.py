"""
Reports: what was sold, what was not, and what the stock is worth.
"""

"""
The ledger of movements, and the two amounts of each product that it accounts for.
"""

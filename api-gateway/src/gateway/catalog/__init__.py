"""
The catalog: a product is what inventory and pricing tell of it, and says what is missing of it.
"""

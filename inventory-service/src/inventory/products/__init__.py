"""
The catalog of products.
"""

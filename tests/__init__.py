"""
Tests across services and of the house's own tools.
"""

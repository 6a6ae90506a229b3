"""
Tests of what services promise each other.
"""

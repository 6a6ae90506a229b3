"""
The services that call each other, and their secrets.
"""

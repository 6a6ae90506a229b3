"""
Access and refresh tokens: granted, refreshed, checked and revoked.
"""

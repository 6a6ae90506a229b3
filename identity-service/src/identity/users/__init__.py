"""
People: their accounts, profiles and roles.
"""

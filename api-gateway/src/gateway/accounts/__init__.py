"""
Accounts: people sign in, stay signed in, sign out, and ask who they are.
"""

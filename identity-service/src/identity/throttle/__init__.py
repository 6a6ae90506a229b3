"""
Slows down who guesses passwords.
"""

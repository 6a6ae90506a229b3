"""
What products cost, since when and until when.
"""

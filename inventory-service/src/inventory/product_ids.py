"""
What products may be called.
"""

#: Ids that people use, such as TEST-001.
ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"

"""
The pytest plugin of the house: its fixtures start real servers when a test asks for one.

It is imported before coverage starts, so nothing else of the kit is imported at its top.
"""

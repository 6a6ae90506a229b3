"""
What the shop in containers needs besides its images: its secrets. Standard library only.
"""

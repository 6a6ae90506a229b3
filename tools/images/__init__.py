"""
What the ``Dockerfile`` needs besides pip. Standard library only, since it runs before anything is installed.
"""

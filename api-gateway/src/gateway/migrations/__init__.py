"""
How the database came to its present form; ``servicekit.migrations`` runs what stands here.
"""

from gateway.tables import metadata

__all__ = ["metadata"]

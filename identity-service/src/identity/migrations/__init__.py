"""
How the database came to its present form; ``servicekit.migrations`` runs what stands here.
"""

from identity.tables import metadata

__all__ = ["metadata"]

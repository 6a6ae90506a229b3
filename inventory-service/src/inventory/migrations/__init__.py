"""
How the database came to its present form; ``servicekit.migrations`` runs what stands here.
"""

from inventory.tables import metadata

__all__ = ["metadata"]

"""
What Alembic reads instead of an environment in each service.
"""

"""
Alembic runs this file for each command.
"""

from servicekit.migrations.environment import run

run()

"""
Sagas that go on after a crash where they were, on SQLite or PostgreSQL.

``Engine`` carries out the work of ``servicekit.sagas`` over a journal in a database. DBOS Transact
(https://docs.dbos.dev) keeps that journal; nothing outside of this package knows it. What it
cannot do without its makers' services is done here: another replica takes over the work of one
that is gone or frozen (``takeover``), and ended work is forgotten.
"""

from servicekit.durable.engine import Engine
from servicekit.durable.errors import DurableError
from servicekit.durable.migrating import migrate, upgrade
from servicekit.durable.settings import DurableSettings

__all__ = ["DurableError", "DurableSettings", "Engine", "migrate", "upgrade"]

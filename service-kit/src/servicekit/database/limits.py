"""
How long a service waits for its database before it says so.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Seconds; the defaults suit requests, which want an answer or a clear no within a few seconds.
    """

    #: To open one connection.
    connect_s: float = 3.0
    #: For a free connection of the pool; on SQLite also a writer's turn.
    pool_s: float = 5.0
    #: For a lock that another transaction holds; on SQLite for another process that writes.
    lock_s: float = 5.0
    #: For one statement on PostgreSQL; zero for no bound.
    statement_s: float = 15.0
    #: Between the statements of one transaction on PostgreSQL: a frozen process must not keep its
    #: locks for longer than others wait for them.
    idle_in_transaction_s: float = 4.0
    #: For a health check.
    ping_s: float = 2.0

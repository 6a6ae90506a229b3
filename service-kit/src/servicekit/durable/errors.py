"""
What keeps the engine from starting.
"""

from servicekit.migrations import MigrationError


class DurableError(MigrationError):
    """
    The engine cannot start here; one line tells the operator why.
    """


class AlreadyRunning(DurableError):
    """
    Another process has the database, and SQLite's serves one.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            f"another process works on {path}; a service on SQLite is one process,"
            " and replicas need PostgreSQL (DATABASE_URL)"
        )


class OneInAProcess(DurableError):
    """
    DBOS is one to a process, and so is the engine.
    """

    def __init__(self) -> None:
        super().__init__("this process has an engine that runs already")


class JournalPending(DurableError):
    """
    The database of the journal is missing, or older than the code.
    """

    def __init__(self) -> None:
        super().__init__(
            "the journal of sagas is not up to date; run the service's migrate command"
        )

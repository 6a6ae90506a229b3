"""
A service's migrations as they stand in its package.
"""

import importlib
import importlib.util
import warnings
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, MetaData

_ENVIRONMENT = Path(__file__).parent / "environment"


class MigrationError(Exception):
    """
    The database cannot be brought to the form that the code expects; one line says why.
    """


class Standing(Enum):
    """
    How a database stands to the code.
    """

    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Scripts:
    """
    The migrations of one package, which follow one another in a single line.
    """

    package: str
    folder: Path
    directory: ScriptDirectory
    head: str | None

    @classmethod
    def of(cls, package: str) -> "Scripts":
        """
        What ``<package>/migrations/versions`` holds.
        """
        folder = _migrations_folder(package) / "versions"
        directory = ScriptDirectory.from_config(_config(folder))
        heads = _heads(directory)
        if len(heads) > 1:
            raise MigrationError(
                f"{package} has migrations that do not follow one another: {', '.join(heads)}"
            )
        return cls(package, folder, directory, heads[0] if heads else None)

    def config(self, connection: Connection) -> Config:
        """
        What Alembic's commands need to work on ``connection``.
        """
        config = _config(self.folder)
        config.attributes["connection"] = connection
        config.attributes["metadata"] = self.metadata()
        return config

    def metadata(self) -> MetaData:
        """
        The tables as the code has them.
        """
        module = importlib.import_module(f"{self.package}.migrations")
        metadata = getattr(module, "metadata", None)
        if not isinstance(metadata, MetaData):
            raise MigrationError(f"{module.__name__} does not name the tables as `metadata`")
        return metadata

    def standing(self, connection: Connection) -> Standing:
        """
        How the database behind ``connection`` stands to these migrations.
        """
        applied = self.applied(connection)
        if applied == self.head:
            return Standing.CURRENT
        known = {script.revision for script in self.directory.walk_revisions()}
        return Standing.BEHIND if applied is None or applied in known else Standing.AHEAD

    def applied(self, connection: Connection) -> str | None:
        """
        The last migration that the database has seen.
        """
        return MigrationContext.configure(connection).get_current_revision()

    def next_id(self) -> str:
        """
        Migrations are counted, so that a folder reads in order and two of one number are noticed.
        """
        return f"{sum(1 for _ in self.directory.walk_revisions()) + 1:04d}"


def _migrations_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        if (Path(place) / "migrations").is_dir():
            return Path(place) / "migrations"
    raise MigrationError(f"{package} has no migrations")


def _heads(directory: ScriptDirectory) -> list[str]:
    with warnings.catch_warnings():
        # Of a number that occurs twice, or one that is missing, Alembic merely warns.
        warnings.simplefilter("error", UserWarning)
        try:
            return directory.get_heads()
        except (UserWarning, RevisionError) as error:
            raise MigrationError(str(error)) from error


def _config(versions: Path) -> Config:
    config = Config()
    options = {
        "script_location": _ENVIRONMENT,
        "path_separator": "newline",
        "version_locations": versions,
        "file_template": "%(rev)s_%(slug)s",
    }
    for name, value in options.items():
        config.set_main_option(name, str(value).replace("%", "%%"))
    return config

"""
What a service can be told on the command line: ``python -m <package> COMMAND``.

Every service knows ``serve``, ``migrate``, ``migrated``, ``revision`` and ``settings``; it may
add commands of its own. A fault that an operator can mend is one line and exit code 2.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fastapi import FastAPI

from servicekit import logs, migrations
from servicekit.database.translation import is_stranger
from servicekit.errors import InvalidRequest, StorefrontError
from servicekit.migrations.waiting import wait_until_current
from servicekit.serving import server
from servicekit.settings import ServiceSettings, SettingsError, example_env, load

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Command(Generic[S]):
    """
    A command of a service's own; ``run`` returns the exit code.
    """

    help: str
    run: Callable[[S], int]


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """
    A service as the command line sees it. ``package`` holds ``migrations/versions``, if it has any;
    ``also_migrate`` brings what else stands at its database's address to its newest form.
    """

    package: str
    settings_class: type[S]
    create_app: Callable[[S], FastAPI]
    commands: Mapping[str, Command[S]] = field(default_factory=dict)
    also_migrate: Callable[[str], None] | None = None


def main(service: Service[S], arguments: Sequence[str] | None = None) -> int:
    """
    Do what ``arguments`` say; returns the exit code.
    """
    chosen = _parser(service).parse_args(arguments)
    if chosen.command == "settings":
        sys.stdout.write(example_env(service.settings_class))
        return 0
    try:
        settings = load(service.settings_class)
        logs.configure(
            log_format=settings.log_format,
            log_level="DEBUG" if settings.debug else settings.log_level,
            service=settings.service_name,
        )
        return _run(service, settings, chosen)
    except (SettingsError, StorefrontError, migrations.MigrationError) as error:
        sys.stderr.write(f"{service.package}: {_told(error)}\n")
        return 2


def _told(error: Exception) -> str:
    if is_stranger(error):
        return "The database is there, and refuses the user or the password of DATABASE_URL."
    problems = error.problems if isinstance(error, InvalidRequest) else ()
    return " ".join([str(error), *(f"{one.field}: {one.problem}." for one in problems)])


def _run(service: Service[S], settings: S, chosen: argparse.Namespace) -> int:
    match chosen.command:
        case "serve":
            return server.run(service.create_app(settings), settings)
        case "migrate":
            # The service's own tables last: where they are current, the rest is.
            if service.also_migrate is not None:
                service.also_migrate(settings.database_url)
            migrations.migrate(settings.database_url, service.package)
            return 0
        case "migrated":
            waiting = wait_until_current(
                settings.database_url, service.package, within_s=chosen.within
            )
            asyncio.run(waiting)
            return 0
        case "revision":
            migrations.new_revision(service.package, chosen.message)
            return 0
        case name:
            return service.commands[name].run(settings)


def _parser(service: Service[S]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {service.package}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="answer requests until told to stop")
    commands.add_parser("migrate", help="bring the database to the newest form")
    migrated = commands.add_parser("migrated", help="wait until somebody else has migrated it")
    migrated.add_argument("--within", type=float, default=60.0, metavar="SECONDS")
    revision = commands.add_parser("revision", help="write a migration for changed tables")
    revision.add_argument("message", help="what the migration does, in a few words")
    commands.add_parser("settings", help="print every setting with its default")
    for name, command in service.commands.items():
        commands.add_parser(name, help=command.help)
    return parser

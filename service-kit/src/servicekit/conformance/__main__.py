"""
The command line: ``python -m servicekit.conformance ADDRESS``. Exit code 0: it conforms.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from servicekit.conformance.runner import UnknownCheck, Unreachable, run
from servicekit.conformance.table import CHECKS
from servicekit.conformance.target import Target


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Look at the service that ``arguments`` name, and print the report; returns the exit code.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.list:
        sys.stdout.writelines(f"{check.name}: {check.promise}\n" for check in CHECKS)
        return 0
    if chosen.address is None:
        parser.error("the address of a service is needed")
    token = None
    if chosen.token_env is not None:
        # The one thing that comes by the environment: a token must not stand in a process list.
        token = os.environ.get(chosen.token_env)
        if not token:
            parser.error(f"the environment has no {chosen.token_env}")
    return _examine(_target(chosen, token), chosen.only)


def _target(chosen: argparse.Namespace, token: str | None) -> Target:
    return Target(
        chosen.address,
        token=token,
        pid=chosen.pid,
        open_paths=tuple(chosen.open_path),
        drain_delay_s=chosen.drain_delay,
        drain_timeout_s=chosen.drain_timeout,
        max_body_bytes=chosen.max_body_bytes,
        anonymous_scopes=tuple(filter(None, chosen.anonymous_scopes.split(","))),
    )


def _examine(target: Target, only: Sequence[str] | None) -> int:
    try:
        report = asyncio.run(run(target, only=only))
    except (Unreachable, UnknownCheck, ValueError) as error:
        sys.stderr.write(f"conformance: {error}\n")
        return 1
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_conforming else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m servicekit.conformance",
        description="Check that a running service behaves as every service of the house must. "
        "Use it on test instances only: it sends hostile requests.",
    )
    add = parser.add_argument
    add("address", nargs="?", help="such as http://127.0.0.1:8003")
    add("--token-env", metavar="NAME", help="the variable that holds an access token")
    add("--pid", type=int, help="the process to stop at the end, to look at its drain")
    add(
        "--open-path",
        action="append",
        default=[],
        metavar="PATH",
        help="no bearer token is looked at there",
    )
    add("--drain-delay", type=float, default=0.0, metavar="S", help="its DRAIN_DELAY_SECONDS")
    add("--drain-timeout", type=float, default=20.0, metavar="S", help="its DRAIN_TIMEOUT_SECONDS")
    add("--max-body-bytes", type=int, default=1_048_576, metavar="N", help="its MAX_BODY_BYTES")
    add("--anonymous-scopes", default="read", metavar="LIST", help="its ANONYMOUS_SCOPES")
    add("--only", action="append", metavar="CHECK", help="only this check; may stand several times")
    add("--list", action="store_true", help="print the checks and their promises")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""
``write``: the dashboards' files, from the tables. ``check``: whether what stands in ``observability/`` holds.
"""

import argparse
import sys

from tools.observability import checking, files


def main(arguments: list[str]) -> int:
    """
    The exit code: 0, or 1 where something does not hold.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.observability", description=__doc__)
    parser.add_argument("command", choices=["write", "check"])
    parser.add_argument(
        "--all",
        action="store_true",
        help="with check: a tool that is not installed is a finding, too",
    )
    options = parser.parse_args(arguments)
    if options.command == "write":
        for path in files.write():
            print(f"wrote {path.relative_to(files.ROOT)}")
        return 0
    findings = checking.findings(must_have_all=options.all)
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

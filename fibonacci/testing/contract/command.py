"""The command line of the contract suite."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fibonacci import FibonacciError
from fibonacci.testing.contract.checks import ALL
from fibonacci.testing.contract.runner import run
from fibonacci.testing.contract.server import Server
from fibonacci.testing.contract.table import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a server, and print what agrees with the contract and what does not.

    Args:
        arguments: Those of the command line; `sys.argv` has them when not given.

    Returns:
        The exit code: 0 when everything agrees, 1 when something does not or nothing answers.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    api_key = options.api_key or os.environ.get("FIBONACCI_API_KEY")
    if not api_key:
        parser.error("there is no key: give --api-key, or set FIBONACCI_API_KEY")
    try:
        server = Server(options.base_url, api_key, organization=options.organization)
    except FibonacciError as error:
        parser.error(str(error))
    try:
        server.raw("GET", "/health")
    except OSError as error:
        print(f"{parser.prog}: nothing answers at {options.base_url}: {error}", file=sys.stderr)
        return 1
    finally:
        server.close()
    results = list(run(ALL, server, read_only=options.read_only))
    server.close()
    print(table(results))
    return int(any(result.outcome == "disagrees" for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fibonacci.testing.contract",
        description="Check whether a server does what the contract of the SDK says.",
    )
    parser.add_argument("--base-url", required=True, help="where the server is, such as https://api.fibonacci.dev/v1")
    parser.add_argument("--api-key", metavar="KEY", help="an owner's key; FIBONACCI_API_KEY unless given")
    parser.add_argument("--organization", metavar="ID", default="default", help="whose settings to look at")
    parser.add_argument("--read-only", action="store_true", help="run only the checks that change nothing")
    return parser

"""The command line of the contract suite."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fibonacci import FibonacciError
from fibonacci.transports import TransportError
from tests.contract.suite.check import run, table
from tests.contract.suite.checks import CHECKS
from tests.contract.suite.server import Server


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a server against the contract, and print the results.

    Args:
        arguments: The arguments of the command line. Those of `sys.argv` by default.

    Returns:
        The exit code: 0 when no check disagrees, 1 when one does or the server does not respond.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    api_key = options.api_key or os.environ.get("FIBONACCI_API_KEY")
    if not api_key:
        parser.error("no API key: pass --api-key, or set FIBONACCI_API_KEY")
    try:
        server = Server(
            options.base_url,
            api_key,
            organization_id=options.organization_id,
            role_keys=dict(options.role_key),
            api_version=options.api_version,
            seed=options.seed,
        )
    except FibonacciError as error:
        parser.error(str(error))
    checks = [check for check in CHECKS[options.api_version] if check.name.startswith(tuple(options.only or [""]))]
    if not checks:
        parser.error(f"argument --only: no check begins with {' or '.join(map(repr, options.only))}")
    try:
        server.requests("GET", "/tools")
        results = list(run(checks, server, read_only=options.read_only))
    except TransportError as error:
        print(f"{parser.prog}: no response from {options.base_url}: {error}", file=sys.stderr)
        return 1
    finally:
        server.close()
    print(table(results))
    print(f"generated values: --seed {options.seed}")
    return int(any(result.outcome == "disagrees" for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.contract.suite",
        description="Check whether a server conforms to the contract of the SDK.",
    )
    parser.add_argument(
        "--base-url", required=True, help="the base URL of the server, such as https://api.fibonacci.dev/v1"
    )
    parser.add_argument(
        "--api-version",
        choices=list(CHECKS),
        default="v1",
        help="the API the server has. For 0.2 (the API of fibonacci-sdk 0.2.4), pass the root of the server as the "
        "base URL",
    )
    parser.add_argument("--api-key", metavar="KEY", help="the API key of an owner (default: FIBONACCI_API_KEY)")
    parser.add_argument(
        "--organization-id", metavar="ID", default="default", help="the organization whose settings to check"
    )
    parser.add_argument(
        "--role-key",
        metavar="ROLE=KEY",
        action="append",
        default=[],
        type=_role_key,
        help="a key with the role admin or member, for the checks of roles. You can pass one for each role",
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        help="run only the checks whose names begin with this, such as `paging` or `runs.wait`. You can repeat it",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="the seed for generated values (default: 1)")
    parser.add_argument("--read-only", action="store_true", help="run only the checks that don't change anything")
    return parser


def _role_key(text: str) -> tuple[str, str]:
    role, _, key = text.partition("=")
    if role not in ("admin", "member") or not key:
        raise argparse.ArgumentTypeError("write ROLE=KEY, where the role is admin or member")
    return role, key

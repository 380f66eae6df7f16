"""Runs the checks against a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fibonacci.testing.contract.check import Check, Disagreement, Skipped
from fibonacci.testing.contract.server import Server

CheckOutcome = Literal["agrees", "disagrees", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check."""

    check: Check
    """The check."""

    outcome: CheckOutcome
    """Whether the server agrees."""

    why: str = ""
    """What the server does instead, or why the check was skipped; empty when the server agrees."""


def run(checks: Iterable[Check], server: Server, *, read_only: bool = False) -> Iterator[Result]:
    """Run checks in sequence.

    Args:
        checks: The checks.
        server: The server.
        read_only: Leave out the checks that change anything.

    Yields:
        The result of each check.
    """
    for check in checks:
        if not (read_only and check.changes):
            yield _result(check, server)


def _result(check: Check, server: Server) -> Result:
    try:
        try:
            check.run(server)
        finally:
            server.do_cleanups()
    except Skipped as reason:
        return Result(check, "skipped", str(reason))
    except Disagreement as found:
        return Result(check, "disagrees", str(found))
    except Exception as error:  # one failed check must not end the suite
        return Result(check, "disagrees", f"{type(error).__name__}: {error}")
    return Result(check, "agrees")

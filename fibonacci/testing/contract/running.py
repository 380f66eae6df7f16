"""Running the checks against a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fibonacci.testing.contract.check import Check, Disagreement, Skipped
from fibonacci.testing.contract.server import Server

CheckOutcome = Literal["agrees", "disagrees", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found.

    Attributes:
        check: The check.
        outcome: Whether the server agrees.
        why: What it does instead, or why nothing was checked; empty when it agrees.
    """

    check: Check
    outcome: CheckOutcome
    why: str = ""


def run(checks: Iterable[Check], server: Server, *, read_only: bool = False) -> Iterator[Result]:
    """Run checks one after the other.

    Args:
        checks: The checks.
        server: The server.
        read_only: Leave out those that change anything.

    Yields:
        The result of each.
    """
    for check in checks:
        if not (read_only and check.changes):
            yield _result(check, server)


def _result(check: Check, server: Server) -> Result:
    try:
        try:
            check.run(server)
        finally:
            server.tidy()
    except Skipped as reason:
        return Result(check, "skipped", str(reason))
    except Disagreement as found:
        return Result(check, "disagrees", str(found))
    except Exception as error:  # whatever a server makes of a request is a result, not the end of the suite
        return Result(check, "disagrees", f"{type(error).__name__}: {error}")
    return Result(check, "agrees")

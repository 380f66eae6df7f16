"""Runs the checks against a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fibonacci import UnsupportedCallError
from fibonacci.testing.contract.check import Check
from fibonacci.testing.contract.exchanges import is_of
from fibonacci.testing.contract.outcomes import Disagreement, NotInThisAPI, Skipped
from fibonacci.testing.contract.server import Server

CheckOutcome = Literal["agrees", "disagrees", "skipped", "absent"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check."""

    check: Check
    """The check."""

    outcome: CheckOutcome
    """Whether the server agrees; `absent` when the API under test does not have the fact."""

    why: str = ""
    """What the server does instead, why the check was skipped, or what the API lacks; empty when the server agrees."""

    transcript: tuple[str, ...] = ()
    """When it disagrees: the last request to the endpoint of the check with its response, and the last of all, if that
    is another; in lines, without the API key."""


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
    server.wire.exchanges.clear()
    result = _outcome(check, check.run, server)
    cleaned = _outcome(check, Server.do_cleanups, server)
    return cleaned if result.outcome == "agrees" and cleaned.outcome == "disagrees" else result


def _outcome(check: Check, step: Callable[[Server], None], server: Server) -> Result:
    try:
        step(server)
    except Skipped as reason:
        return Result(check, "skipped", str(reason))
    except (NotInThisAPI, UnsupportedCallError) as fact:
        return Result(check, "absent", getattr(fact, "call", str(fact)))
    except Disagreement as found:
        return Result(check, "disagrees", server.redact(str(found)), _transcript(check, server))
    except Exception as error:  # one failed check must not end the suite
        why = server.redact(f"{type(error).__name__}: {error}")
        return Result(check, "disagrees", why, _transcript(check, server))
    return Result(check, "agrees")


def _transcript(check: Check, server: Server) -> tuple[str, ...]:
    exchanges = server.wire.exchanges
    of_endpoint = [each for each in exchanges if is_of(check.endpoint, each.request)]
    telling = [each for each in of_endpoint[-1:] if each is not exchanges[-1]] + exchanges[-1:]
    return tuple(server.redact(line) for each in telling for line in each.describe())

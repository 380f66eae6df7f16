"""A check of the contract suite, what several checks share, and how they are run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from fibonacci import UnsupportedCallError
from fibonacci._core.json_bodies import is_object
from tests.contract.suite.server import Disagreement, NotHonored, NotInThisAPI, RawResponse, Server, Skipped, is_of
from tests.contract.suite.values import Values, same_json

Basis = Literal["documented", "choice"]
"""Whether a fact is documented by the platform, or chosen by the SDK because nothing is documented."""


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about one endpoint."""

    endpoint: str
    """The endpoint, such as `GET /workflows/{workflow_id}`."""

    expected: str
    """The fact, in words."""

    basis: Basis
    """Whether the fact is documented or a choice."""

    changes: bool
    """Whether the check changes anything on the server."""

    name: str
    """Its name, such as `workflows.created`."""

    run: Callable[[Server], None]
    """Checks the fact. It raises `Disagreement`, `Skipped`, or any other error of a call."""


CheckRun = Callable[[Server], None]
Decorator = Callable[[CheckRun], CheckRun]


class Checks(list[Check]):
    """The checks of one subject, in order. `documented` and `choice` are decorators that add a function to them.

    Args:
        subject: What they are about, which begins the name of each.
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self._subject = subject

    def documented(self, endpoint: str, expected: str, *, changes: bool = False) -> Decorator:
        """Return a decorator that adds a check of a documented fact.

        Args:
            endpoint: The endpoint.
            expected: The fact, in words.
            changes: Whether the check changes anything on the server.

        Returns:
            A decorator that returns the function unchanged.
        """
        return self._adder(endpoint, expected, "documented", changes)

    def choice(self, endpoint: str, expected: str, *, changes: bool = False) -> Decorator:
        """Return a decorator that adds a check of a choice of the SDK.

        Args:
            endpoint: The endpoint.
            expected: The fact, in words.
            changes: Whether the check changes anything on the server.

        Returns:
            A decorator that returns the function unchanged.
        """
        return self._adder(endpoint, expected, "choice", changes)

    def _adder(self, endpoint: str, expected: str, basis: Basis, changes: bool) -> Decorator:
        def add(run: CheckRun) -> CheckRun:
            name = f"{self._subject}.{run.__name__.removeprefix('_')}"
            self.append(Check(endpoint, expected, basis, changes, name, run))
            return run

        return add


_SHOWN: Final = 200


def require_equal(actual: object, expected: object, what: str) -> None:
    """Raise `Disagreement` unless two values are the same JSON: 1 is neither 1.0 nor true, at any depth.

    Args:
        actual: The value in the response.
        expected: The expected value.
        what: The name of the value, for the message. Of objects, it says which fields differ.

    Example:
        >>> require_equal(1, True, "enabled")
        Traceback (most recent call last):
        ...
        tests.contract.suite.server.Disagreement: enabled is 1, not True
    """
    if same_json(actual, expected):
        return
    if is_object(actual) and is_object(expected) and actual.keys() == expected.keys():
        for name, value in expected.items():
            require_equal(actual[name], value, f"{name} of {what}")
    raise Disagreement(f"{what} is {_quoted(actual)}, not {_quoted(expected)}")


def require(holds: object, otherwise: str) -> None:
    """Raise `Disagreement` with a message unless a condition holds.

    Args:
        holds: The condition.
        otherwise: The message.
    """
    if not holds:
        raise Disagreement(otherwise)


def require_type(actual: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise `Disagreement` unless a value has a type, where booleans don't count as numbers.

    Args:
        actual: The value in the response.
        kinds: The permitted types.
        what: The name of the value, for the message.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(actual, allowed) or (isinstance(actual, bool) and bool not in allowed):
        raise Disagreement(
            f"{what} is {_quoted(actual)}, not of the type {' or '.join(kind.__name__ for kind in allowed)}"
        )


def require_among(actual: object, expected: Collection[object], what: str) -> None:
    """Raise `Disagreement` unless a value is among some.

    Args:
        actual: The value in the response.
        expected: The permitted values.
        what: The name of the value, for the message.
    """
    if actual not in expected:
        raise Disagreement(f"{what} is {_quoted(actual)}, not one of {', '.join(map(str, expected))}")


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


CheckOutcome = Literal["agrees", "disagrees", "not honored", "skipped", "absent"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check."""

    check: Check
    """The check."""

    outcome: CheckOutcome
    """Whether the server agrees. `not honored` when it does without something that it need not have; `absent` when the
    API under test does not have the fact."""

    why: str = ""
    """What the server does instead, why the check was skipped, or what the API lacks. Empty when the server agrees."""

    transcript: tuple[str, ...] = ()
    """If it disagrees: the last request to the endpoint of the check with its response, and the last request of all if
    that is a different one. As lines, without the API key."""


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


_MARGIN: Final = 20
"""The requests of a check that has something running while it sends them."""


def _result(check: Check, server: Server) -> Result:
    server.wait_for_requests(_MARGIN)
    server.wire.exchanges.clear()
    server.values = Values(f"{server.seed} {check.name}")
    result = _outcome(check, check.run, server)
    cleaned = _outcome(check, Server.do_cleanups, server)
    return cleaned if result.outcome == "agrees" and cleaned.outcome == "disagrees" else result


def _outcome(check: Check, step: Callable[[Server], None], server: Server) -> Result:
    try:
        step(server)
    except Skipped as reason:
        return Result(check, "skipped", str(reason))
    except NotHonored as fact:
        return Result(check, "not honored", server.redact(str(fact)))
    except (NotInThisAPI, UnsupportedCallError) as fact:
        return Result(check, "absent", getattr(fact, "call", str(fact)))
    except Disagreement as disagreement:
        return Result(check, "disagrees", server.redact(str(disagreement)), _transcript(check, server))
    except Exception as error:  # one failed check must not end the suite
        why = server.redact(f"{type(error).__name__}: {error}")
        return Result(check, "disagrees", why, _transcript(check, server))
    return Result(check, "agrees")


def _transcript(check: Check, server: Server) -> tuple[str, ...]:
    exchanges = server.wire.exchanges
    of_endpoint = [exchange for exchange in exchanges if is_of(check.endpoint, exchange.request)]
    telling = [exchange for exchange in of_endpoint[-1:] if exchange is not exchanges[-1]] + exchanges[-1:]
    return tuple(server.redact(line) for exchange in telling for line in exchange.describe())


_HEAD = ("endpoint", "expected", "basis", "result")


def table(results: Iterable[Result]) -> str:
    """Format a row for each result, the requests and responses of the disagreements, and a line with the counts.

    Args:
        results: The results.

    Returns:
        The table, without a newline at its end.
    """
    shown = list(results)
    rows = [_HEAD, *map(_row, shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[3]]) for row in rows]
    details = [line for result in shown if result.outcome == "disagrees" for line in _details(result)]
    return "\n".join([*lines, "", *details, _count(shown)])


def _details(result: Result) -> list[str]:
    """Return what a disagreement is about: the fact, what was found, and the exchanges that show it."""
    check = result.check
    lines = [f"{check.name}: {check.endpoint}: {check.expected} ({check.basis})", f"  {result.why}"]
    return [*lines, *(f"  {line}" for line in result.transcript), ""]


def _row(result: Result) -> tuple[str, str, str, str]:
    outcome = {"disagrees": "DISAGREES", "absent": "not in this API"}.get(result.outcome, result.outcome)
    said = " ".join(f"{outcome}: {result.why}".split()) if result.why else outcome
    return result.check.endpoint, result.check.expected, result.check.basis, said


def _count(results: list[Result]) -> str:
    counts = Counter[str](result.outcome for result in results)
    bases = Counter(result.check.basis for result in results if result.outcome == "disagrees")
    of = f" ({bases['documented']} documented, {bases['choice']} choices)" if bases else ""
    agree, disagree, skipped = (counts[outcome] for outcome in ("agrees", "disagrees", "skipped"))
    rest = "".join(
        f", {counts[outcome]} {text}"
        for outcome, text in (("not honored", "not honored"), ("absent", "not in this API"))
        if counts[outcome]
    )
    return f"{len(results)} checks: {agree} agree, {disagree} disagree{of}, {skipped} skipped{rest}"


UNKNOWN = "contract-suite-unknown"
"""An ID that nothing has."""


def require_bare(response: RawResponse, *names: str) -> Any:
    """Return an object without an envelope.

    Args:
        response: The response.
        names: Fields that it has.

    Raises:
        Disagreement: When it has an envelope, or not these fields.
    """
    require_equal(response.status, 200, "the status")
    content = response.json
    require_type(content, dict, "the body")
    missing = [name for name in names if name not in content]
    require(not missing, f"the body has no {', '.join(missing)}")
    return content


def require_refusal(response: RawResponse, status: int) -> Any:
    """Return the error of a refusal in the documented envelope.

    Args:
        response: The response.
        status: The status that it should have.

    Raises:
        Disagreement: If the response isn't such a refusal.
    """
    require_equal(response.status, status, "the status")
    content = response.json
    require_type(content, dict, "the body")
    require_equal(sorted(content), ["error"], "what the body holds")
    error = content["error"]
    require_type(error, dict, "error")
    for name in ("code", "message"):
        require_type(error.get(name), str, f"error.{name}")
        require(error[name], f"error.{name} is empty")
    require_type(error.get("details"), list, "error.details")
    return error


def require_field(error: Any, name: str) -> None:
    """Raise `Disagreement` unless the details of an error that name a field name this one.

    Args:
        error: The error.
        name: The parameter or property that the error is about.
    """
    for detail in error["details"]:
        if is_object(detail) and "field" in detail:
            require_equal(detail["field"], name, "the field of a detail")


def items_of(response: RawResponse) -> list[Any]:
    """Return the objects of a page: those of `data`, or of the one list in it.

    Args:
        response: The response.

    Raises:
        Disagreement: If the response isn't a page.
    """
    data: Any = response.json["data"]
    places: list[Any] = [data] if isinstance(data, list) else list(data.values())
    lists: list[list[Any]] = [place for place in places if isinstance(place, list)]
    require_equal(len(lists), 1, "the number of lists in data")
    return lists[0]


def named(run: Callable[[Server], None], endpoint: str) -> Callable[[Server], None]:
    """Return a check of many endpoints with the endpoint in its name.

    Args:
        run: The check.
        endpoint: The endpoint.
    """
    run.__name__ = f"{run.__name__}_{re.sub(r'[^a-z]+', '_', endpoint.lower()).strip('_')}"
    return run


def audit_entries(server: Server) -> int:
    """Return how many entries the audit log has.

    Args:
        server: The server.
    """
    return len(list(server.client.organizations.governance.audit(server.organization_id, page_size=100)))


def newest_entry(server: Server) -> Any:
    """Return the newest entry of the audit log, or None if there is none.

    Args:
        server: The server.
    """
    response = server.raw("GET", server.path("governance/audit"), query={"limit": 1})
    return next(iter(items_of(response)), None)

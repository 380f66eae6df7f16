"""Checks, and the assertions that they make."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal

from fibonacci.testing.contract.outcomes import Disagreement
from fibonacci.testing.contract.server import Server

Basis = Literal["documented", "choice"]
"""Whether a fact is documented by the platform, or chosen by the SDK because nothing is documented."""


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about one endpoint."""

    endpoint: str
    """The endpoint, such as `GET /workflows/{id}`."""

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
    """The checks of one resource, in order. `documented` and `choice` are decorators that add a function to them."""

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
            resource = run.__module__.rpartition(".")[2]
            self.append(Check(endpoint, expected, basis, changes, f"{resource}.{run.__name__.removeprefix('_')}", run))
            return run

        return add


_SHOWN: Final = 200


def require_equal(found: object, expected: object, what: str) -> None:
    """Raise `Disagreement` unless two values are equal; booleans do not count as numbers.

    Args:
        found: The value in the response.
        expected: The expected value.
        what: The name of the value, for the message.

    Example:
        >>> require_equal(1, True, "enabled")
        Traceback (most recent call last):
        ...
        fibonacci.testing.contract.outcomes.Disagreement: enabled is 1, not True
    """
    if found != expected or isinstance(found, bool) != isinstance(expected, bool):
        raise Disagreement(f"{what} is {_shown(found)}, not {_shown(expected)}")


def require(holds: object, otherwise: str) -> None:
    """Raise `Disagreement` with a message unless a condition holds.

    Args:
        holds: The condition.
        otherwise: The message.
    """
    if not holds:
        raise Disagreement(otherwise)


def require_type(found: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise `Disagreement` unless a value has a type; booleans do not count as numbers.

    Args:
        found: The value in the response.
        kinds: The permitted types.
        what: The name of the value, for the message.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(found, allowed) or (isinstance(found, bool) and bool not in allowed):
        raise Disagreement(
            f"{what} is {_shown(found)}, not of the type {' or '.join(kind.__name__ for kind in allowed)}"
        )


def require_among(found: object, expected: Collection[object], what: str) -> None:
    """Raise `Disagreement` unless a value is among some.

    Args:
        found: The value in the response.
        expected: The permitted values.
        what: The name of the value, for the message.
    """
    if found not in expected:
        raise Disagreement(f"{what} is {_shown(found)}, not one of {', '.join(map(str, expected))}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

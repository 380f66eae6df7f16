"""What a check is, and how it says that a server disagrees."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal

from fibonacci.testing.contract.server import Server

Basis = Literal["documented", "choice"]
"""Whether the platform documents a fact, or the SDK has chosen it where nothing is documented."""


class Disagreement(Exception):
    """The server does something else than is expected."""


class Skipped(Exception):
    """The check has nothing to look at on this server; the text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about one endpoint.

    Attributes:
        endpoint: The endpoint, such as `GET /workflows/{id}`.
        expected: The fact.
        basis: Whether it is documented or a choice.
        changes: Whether finding out changes anything on the server.
        run: Finds out; raises `Disagreement`, or whatever else goes wrong.
    """

    endpoint: str
    expected: str
    basis: Basis
    changes: bool
    run: Callable[[Server], None]


Decorator = Callable[[Callable[[Server], None]], Callable[[Server], None]]


class Checks(list[Check]):
    """The checks of one resource, in their order; `documented` and `choice` add the function that they decorate.

    The fact is the function's docstring.
    """

    def documented(self, endpoint: str, *, changes: bool = False) -> Decorator:
        """Add a check of what the platform documents.

        Args:
            endpoint: The endpoint.
            changes: Whether the check changes anything on the server.

        Returns:
            A decorator that leaves the function as it is.
        """
        return self._adder(endpoint, "documented", changes)

    def choice(self, endpoint: str, *, changes: bool = False) -> Decorator:
        """Add a check of what the SDK has chosen.

        Args:
            endpoint: The endpoint.
            changes: Whether the check changes anything on the server.

        Returns:
            A decorator that leaves the function as it is.
        """
        return self._adder(endpoint, "choice", changes)

    def _adder(self, endpoint: str, basis: Basis, changes: bool) -> Decorator:
        def add(run: Callable[[Server], None]) -> Callable[[Server], None]:
            fact = (run.__doc__ or run.__name__).strip().rstrip(".")
            self.append(Check(endpoint, fact, basis, changes, run))
            return run

        return add


_SHOWN: Final = 200


def agree(found: object, expected: object, what: str) -> None:
    """Raise `Disagreement` unless two values are equal; booleans are no numbers.

    Args:
        found: What the server answered.
        expected: What it should have answered.
        what: What the value is.

    Example:
        >>> agree(1, True, "enabled")
        Traceback (most recent call last):
        ...
        fibonacci.testing.contract.check.Disagreement: enabled is 1, not True
    """
    if found != expected or isinstance(found, bool) != isinstance(expected, bool):
        raise Disagreement(f"{what} is {_shown(found)}, not {_shown(expected)}")


def require(holds: object, otherwise: str) -> None:
    """Raise `Disagreement` with a text unless something holds.

    Args:
        holds: What should be true.
        otherwise: What is wrong when it is not.
    """
    if not holds:
        raise Disagreement(otherwise)


def has_type(found: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise `Disagreement` unless a value is of a type; booleans are no numbers.

    Args:
        found: What the server answered.
        kinds: The types that it may have.
        what: What the value is.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(found, allowed) or (isinstance(found, bool) and bool not in allowed):
        raise Disagreement(
            f"{what} is {_shown(found)}, not of the type {' or '.join(kind.__name__ for kind in allowed)}"
        )


def among(found: object, expected: Collection[object], what: str) -> None:
    """Raise `Disagreement` unless a value is one of some.

    Args:
        found: What the server answered.
        expected: What it may have answered.
        what: What the value is.
    """
    if found not in expected:
        raise Disagreement(f"{what} is {_shown(found)}, not one of {', '.join(map(str, expected))}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

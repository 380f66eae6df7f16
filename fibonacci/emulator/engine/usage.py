"""Usage: the tokens and the cost that a handler reports, for the trace."""

from __future__ import annotations

import math
import threading
from typing import Final

from fibonacci.definitions.json_types import is_object
from fibonacci.emulator.state.records import NodeUsage

USAGE_FIELDS: Final = ("input_tokens", "output_tokens", "cost")


class Usage:
    """What one call of a handler has reported; safe to use from many threads."""

    def __init__(self) -> None:
        self._total: NodeUsage | None = None
        self._lock = threading.Lock()

    @property
    def total(self) -> NodeUsage | None:
        """The sums of what was reported; `None` if nothing was."""
        return self._total

    def add(self, *, input_tokens: int | None, output_tokens: int | None, cost: float | None) -> None:
        """Add to the sums.

        Raises:
            TypeError: If tokens are not a whole number, or the cost is not a number.
            ValueError: If one of them is negative or not finite.
        """
        tokens = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        for name, value in tokens.items():
            if value is not None:
                _check(name, value, int, "a whole number")
        if cost is not None:
            _check("cost", cost, (int, float), "a number")
        reported = {name: value for name, value in (tokens | {"cost": cost}).items() if value is not None}
        with self._lock:
            self._total = usage_sum(self._total, reported)


def usage_sum(one: NodeUsage | None, other: NodeUsage | None) -> NodeUsage | None:
    """Return the sums of two usages, each of which may be `None`."""
    if not one or not other:
        return one or other
    return one | {name: one.get(name, 0) + value for name, value in other.items()}


def is_usage(value: object) -> bool:
    """Return whether a value is a usage that was stored."""
    if not is_object(value):
        return False
    numbers = (each for name, each in value.items() if name in USAGE_FIELDS and not isinstance(each, bool))
    return sum(isinstance(each, int | float) and 0 <= each < math.inf for each in numbers) == len(value)


def _check(name: str, value: object, kinds: type | tuple[type, ...], kind: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} is {kind}, not of type {type(value).__name__}")
    if isinstance(value, int | float) and not 0 <= value < math.inf:
        raise ValueError(f"{name} is at least 0 and finite, not {value!r}")

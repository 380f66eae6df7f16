"""Calls with several methods at once, and how long they may take."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from fibonacci import UNSET
from tests.kit.mode import Ended, Mode

METHODS = ("GET", "PUT", "DELETE", "POST", "PATCH")
ONE_OF_EACH = ("GET", "POST")
"""A method that can be retried, and one that cannot."""
KEY = "sk-test-0123456789"


def call_each(mode: Mode, base_url: str, *, json: Any = UNSET, **options: Any) -> dict[str, Ended]:
    """Call with a method of each kind at the same time, each with a key of its own, so that none delays another."""
    key = f"{KEY}-{uuid.uuid4().hex}"
    calls = {
        method: mode.begin(
            mode.client(f"{key}-{method}", base_url=base_url, **options).request, method, "/x", json=json
        )
        for method in ONE_OF_EACH
    }
    return {method: call.result() for method, call in calls.items()}


def all_fine(ended: dict[str, Ended]) -> bool:
    """Whether each method returned what the server responds when all is well."""
    return [one.value for one in ended.values()] == [{"fine": True}] * len(ended)


def longest(timeout: float) -> float:
    """Return the most seconds that a call with this timeout may take."""
    return 1.25 * timeout + 0.3


def always(seconds: float) -> Callable[..., float]:
    """Return a function that draws the same delay each time, in place of `random.uniform`."""

    def draw(*_: object) -> float:
        return seconds

    return draw

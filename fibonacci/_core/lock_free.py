"""Reads collections that other threads and signal handlers change at any time, without a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def first(iterate: Callable[[], Iterator[T]], count: int) -> list[T]:
    """Return the first items of a collection, all of them if it has fewer.

    Args:
        iterate: Begins to iterate it, such as its `__iter__`.
        count: How many items.
    """
    while True:
        try:
            return list(islice(iterate(), count))
        except RuntimeError:  # it was changed after its iteration had begun
            pass

"""Protection against what other threads, signal handlers and forks may do at any time.

What a fork inherits is renewed in the child before any other code of it runs. The child has only one thread at that
point. So no thread sees a half-renewed object, and nothing waits for a lock that a thread of the parent holds.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    # Only here: what this module imports is kept to the very end of the process by the hook of forks below, and with
    # `typing`, whose caches have most classes of a program, nearly everything would be. An interpreter that ends would
    # look through it twice more, which takes 5 ms.
    from collections.abc import Callable, Iterator
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Inherited(Protocol):
        """What a forked child may not use as it is."""

        def renew_in_child(self) -> None:
            """Let go of what belongs to the parent. Only the thread that forked is there."""
            ...


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


_inherited: WeakSet[Inherited] = WeakSet()


def renew_in_children(inherited: Inherited) -> None:
    """Have an object renewed in every forked child, as long as the object lives."""
    _inherited.add(inherited)


def _renew_all() -> None:
    for inherited in list(_inherited):
        inherited.renew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

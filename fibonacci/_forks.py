"""What a fork inherits: its objects are renewed in the child before any other code of the child runs.

The child has one thread then. So no thread sees an object half renewed, and nothing waits for a lock whose holder is a
thread of the parent.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Inherited(Protocol):
    """What a forked child may not use as it is."""

    def renew_in_child(self) -> None:
        """Let go of what belongs to the parent. Only the thread that forked is there."""
        ...


_inherited: WeakSet[Inherited] = WeakSet()


def renew_in_children(inherited: Inherited) -> None:
    """Have an object renewed in every forked child, as long as the object lives."""
    _inherited.add(inherited)


def _renew_all() -> None:
    for inherited in list(_inherited):
        inherited.renew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

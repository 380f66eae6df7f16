"""Protection against what other threads, signal handlers and forks may do at any time.

What a fork inherits is renewed in the child before any other code of it runs. The child has only one thread at that
point. So no thread sees a half-renewed object, and nothing waits for a lock that a thread of the parent holds.
"""

from __future__ import annotations

import os
from functools import wraps
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    # Only here: what this module imports is kept to the very end of the process by the hook of forks below, and with
    # `typing`, whose caches have most classes of a program, nearly everything would be. An interpreter that ends would
    # look through it twice more, which takes 5 ms.
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Protocol, TypeVar

    from pydantic import BaseModel

    T = TypeVar("T")
    M = TypeVar("M", bound=BaseModel)

    class Inherited(Protocol):
        """An object that a forked child can't use as the parent left it."""

        def renew_in_child(self) -> None:
            """Drop what belongs to the parent. The child has only the thread that forked."""
            ...


def snapshot(iterate: Callable[[], Iterator[T]], count: int | None) -> list[T]:
    """Return the first items of a collection, or all if it has fewer, although other threads may change it.

    Args:
        iterate: Begins to iterate it, such as its `__iter__`.
        count: How many items. None for all.
    """
    while True:
        try:
            return list(islice(iterate(), count))
        except RuntimeError:  # it was changed after its iteration had begun
            pass


class SingleReader:
    """Lets one task or thread at a time read. Another one gets an error at once, as from a generator.

    It doesn't wait for its turn instead: an error has to be raised to somebody, and whoever shares an iterator by
    mistake would never notice.

    Args:
        error: The text of the error.
    """

    __slots__ = ("_error", "_lock", "_turns")

    def __init__(self, error: str) -> None:
        self._error = error
        self._lock = RLock()  # a signal handler may run into it
        self._turns: WeakSet[Turn] = WeakSet()  # one at most

    def turn(self) -> Turn:
        """Begin to read, until the end of the block.

        Raises:
            RuntimeError: If another reads.
        """
        turn = Turn(self._turns)
        with self._lock:
            if self._turns:
                raise RuntimeError(self._error)
            self._turns.add(turn)
        return turn


class Turn:
    """The time in which one reads. It ends with this object at the latest, so Ctrl-C leaves nothing behind."""

    __slots__ = ("__weakref__", "_turns")

    def __init__(self, turns: WeakSet[Turn]) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the turn. A second call does nothing."""
        self._turns.discard(self)


def passing_interrupts(model: type[M]) -> type[M]:
    """Let Ctrl-C pass that comes while a Python serializer works for `model_dump`. Pydantic would replace it."""
    from pydantic_core import PydanticSerializationError

    dump = model.model_dump

    @wraps(dump)
    def model_dump(self: M, **options: Any) -> dict[str, Any]:
        try:
            return dump(self, **options)
        except PydanticSerializationError as error:
            cause = error.__cause__
            if cause is None or isinstance(cause, PydanticSerializationError):
                raise
            raise cause from None

    type.__setattr__(model, "model_dump", model_dump)  # which the listing of the public API need not have
    return model


_inherited: WeakSet[Inherited] = WeakSet()


def renew_in_children(inherited: Inherited) -> None:
    """Have an object renewed in every forked child, as long as the object lives."""
    _inherited.add(inherited)


def _renew_all() -> None:
    for inherited in list(_inherited):
        inherited.renew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

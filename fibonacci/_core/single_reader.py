"""One reader at a time, of what is iterated."""

from __future__ import annotations

from weakref import ref

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from types import TracebackType


class SingleReader:
    """Lets one task or thread at a time read; another one gets an error at once, as from a generator.

    It does not wait for its turn instead: an error has to be raised to somebody, and whoever shares an iterator by
    mistake would never notice.

    There is no lock, which a signal handler or the garbage collector could meet. A turn ends with its object at the
    latest, so Ctrl-C at any moment leaves nothing behind.

    Args:
        error: The text of the error.
    """

    __slots__ = ("_error", "_holder")

    def __init__(self, error: str) -> None:
        self._error = error
        self._holder: dict[None, ref[_Turn]] = {}

    def turn(self) -> _Turn:
        """Begin to read, until the end of the block.

        Raises:
            RuntimeError: If another reads.
        """
        turn = _Turn(self._holder)
        own = ref(turn)
        while (holder := self._holder.setdefault(None, own)) is not own:  # which is one step for other threads
            if holder() is not None:
                raise RuntimeError(self._error)
            self._holder.pop(None, None)  # of a turn that Ctrl-C has ended in its last step
        return turn


class _Turn:
    """The time in which one reads."""

    __slots__ = ("__weakref__", "_holder")

    def __init__(self, holder: dict[None, ref[_Turn]]) -> None:
        self._holder = holder

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.clear()

"""One reader at a time, of what is iterated."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from types import TracebackType


class SingleReader:
    """Lets one task or thread at a time read. Another one gets an error at once, as from a generator.

    It doesn't wait for its turn instead: an error has to be raised to somebody, and whoever shares an iterator by
    mistake would never notice.

    It uses no lock, because a signal handler or the garbage collector could run into it. A turn ends with its object at
    the latest, so Ctrl-C at any moment leaves nothing behind.

    Args:
        error: The text of the error.
    """

    __slots__ = ("_error", "_turns")

    def __init__(self, error: str) -> None:
        self._error = error
        self._turns: list[ref[Turn]] = []  # in the order in which they began. The first one reads

    def turn(self) -> Turn:
        """Begin to read, until the end of the block.

        Raises:
            RuntimeError: If another reads.
        """
        turn = Turn(self._turns)
        own = turn.own
        try:
            self._turns.append(own)
            while (first := self._turns[0]) is not own:
                if first() is not None:
                    raise RuntimeError(self._error)
                with suppress(ValueError):  # another thread has removed it
                    self._turns.remove(first)  # a turn that Ctrl-C has ended in its last step
            return turn
        except BaseException:  # whose traceback may keep the turn
            with suppress(ValueError):
                self._turns.remove(own)
            raise


class Turn:
    """The time in which one reads."""

    __slots__ = ("__weakref__", "_turns", "own")

    def __init__(self, turns: list[ref[Turn]]) -> None:
        self._turns = turns
        self.own: ref[Turn] = ref(self)  # which can be found also when the garbage collector has cleared it

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the turn. A second call does nothing, unless Ctrl-C kept the block from ending the turn."""
        with suppress(ValueError):  # it has ended, or another one has begun since the garbage collector found it
            self._turns.remove(self.own)

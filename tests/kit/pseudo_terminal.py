"""A pseudo terminal, on which programs of the tests run as a person runs them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

_ROWS = 60


class PseudoTerminal:
    """A terminal without a screen: what programs write to it is kept.

    Args:
        columns: Its width.
    """

    def __init__(self, columns: int = 80) -> None:
        import pty  # there is none on Windows
        import termios

        self._ours, self.descriptor = pty.openpty()
        termios.tcsetwinsize(self.descriptor, (_ROWS, columns))
        self._written = bytearray()

    @property
    def output(self) -> str:
        """What was read so far."""
        return self._written.decode(errors="replace")  # a character may have come in part

    def type(self, text: str) -> None:
        """Send keys to the program that reads from it."""
        os.write(self._ours, text.encode())

    def close(self) -> None:
        """Close it, as its window is closed: who writes to it from now on has an error."""
        os.close(self.descriptor)
        os.close(self._ours)

    def read(self, on_output: Callable[[str], object] | None = None) -> str:
        """Read until the programs that were started with `descriptor` have ended; return the output, and close it.

        Args:
            on_output: Called with the output so far whenever there is more of it.
        """
        os.close(self.descriptor)
        with suppress(OSError):  # Linux's way to say that no program has it open
            while chunk := os.read(self._ours, 65536):
                self._written += chunk
                if on_output is not None:
                    on_output(self.output)
        os.close(self._ours)
        return self.output

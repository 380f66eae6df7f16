"""Standard streams that are closed, or were from the start."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO, TypeGuard


def has_stream(stream: TextIO | None) -> TypeGuard[TextIO]:
    """Whether there is a standard stream: a process that was started without one has None."""
    return stream is not None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at the other end of a standard stream."""
    return has_stream(stream) and stream.isatty()


def read_stdin() -> str:
    """Return the text of stdin; a process that was started without one has an empty text."""
    return sys.stdin.read() if has_stream(sys.stdin) else ""


def print_message(text: str, *, end: str = "\n") -> None:
    """Print to stderr, unless its terminal is closed; what CI would take for a command is escaped.

    A process that was started without stderr prints nothing, rather than among its data.
    """
    if "::" in text or "##" in text:
        from fibonacci.cli.ci_commands import without_commands

        text = without_commands(text)
    if has_stream(sys.stderr):
        with suppress(OSError):  # nobody can be told
            print(text, end=end, file=sys.stderr, flush=True)


def discard_unwritable() -> None:
    """Discard what is left for stdout and stderr where they cannot be written, so that the exit does not fail.

    The pipe or the terminal may be closed, or the disk full.
    """
    for stream in (sys.stdout, sys.stderr):
        if has_stream(stream):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

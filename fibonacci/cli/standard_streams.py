"""Standard streams: those that are closed, what CI would carry out, and keys that are not repeated.

GitHub Actions executes a line that begins with `::`, and `##[` anywhere in a line. Azure Pipelines executes `##[` and
`##vso[`, and TeamCity `##teamcity[`. A text for people has these escaped, like control characters.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from typing import Final, TextIO, TypeGuard

# Where a line begins, as the runner of GitHub finds it: it removes the spaces before.
_LINE: Final = re.compile(r"((?:^|(?<=[\r\n]))[^\S\r\n]*):(?=:)")
_ANYWHERE: Final = re.compile(r"(?<=#)#(?=\[|vso\[|teamcity\[)", re.IGNORECASE)
_VARIABLES: Final = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")

_NARROWEST_PROSE, _WIDEST_PROSE = 10, 100


def without_commands(text: str) -> str:
    """Return a text whose first character begins a line, with its commands escaped."""
    return _ANYWHERE.sub(r"\\x23", _LINE.sub(r"\1\\x3a", text)) if "::" in text or "##" in text else text


def without_commands_in_json(text: str) -> str:
    """Return a JSON text of the same value that holds no command, so that no line begins with `::`."""
    return _ANYWHERE.sub(r"\\u0023", text) if "##" in text else text


def is_read_by_ci(stream: TextIO) -> bool:
    """Whether a stream may be the log of CI: it runs the command, and a redirection to a file has not taken it."""
    if not any(map(os.environ.get, _VARIABLES)):
        return False
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream of a program that calls the command
        return True


def without_keys(text: str) -> str:
    """Return a text without the key of the environment, keys of the platform, and passwords in URLs."""
    from fibonacci._texts.redaction import redact, without_secrets  # a help does without

    return without_secrets(redact(text, os.environ.get("FIBONACCI_API_KEY", "").strip()))


def has_stream(stream: TextIO | None) -> TypeGuard[TextIO]:
    """Whether there is a standard stream: a process that was started without one has None."""
    return stream is not None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at the other end of a standard stream."""
    return has_stream(stream) and stream.isatty()


def is_dumb() -> bool:
    """Whether the terminal has no colors, and no lines that are written again."""
    return os.environ.get("TERM") in ("dumb", "unknown")


def reading_width() -> int:
    """Return how long a line of prose is: as wide as the terminal, but no wider than eyes follow with ease."""
    import shutil  # an error alone does without

    return min(max(shutil.get_terminal_size().columns, _NARROWEST_PROSE), _WIDEST_PROSE)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return the lines of a text, broken only between words, with all but the first indented."""
    import textwrap  # a command that prints no prose does without

    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def wrapped_message(text: str, stream: TextIO | None) -> str:
    """Return a message with line breaks between words where its stream is a terminal, or elsewhere as it is."""
    return "\n".join(wrapped(text, reading_width(), "  ")) if is_terminal(stream) else text


def read_stdin() -> str:
    """Return the text of stdin, which is empty for a process that was started without one."""
    return sys.stdin.read() if has_stream(sys.stdin) else ""


def print_message(text: str, *, end: str = "\n") -> None:
    """Print to stderr, unless its terminal is closed, and escape what CI would take for a command.

    A process that was started without stderr prints nothing, rather than among its data.
    """
    if has_stream(sys.stderr):
        with suppress(OSError):  # nobody can read it
            print(without_commands(text), end=end, file=sys.stderr, flush=True)


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

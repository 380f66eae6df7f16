"""Standard streams: handling closed ones, escaping what CI would execute, and removing API keys.

GitHub Actions executes a line that begins with `::`, and `##[` anywhere in a line. Azure Pipelines executes `##[` and
`##vso[`, and TeamCity `##teamcity[`. In texts for people these are escaped, as control characters are.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from typing import Final, TextIO, TypeGuard

# The start of a line for GitHub's runner, which strips leading spaces.
_LINE: Final = re.compile(r"((?:^|(?<=[\r\n]))[^\S\r\n]*):(?=:)")
_ANYWHERE: Final = re.compile(r"(?<=#)#(?=\[|vso\[|teamcity\[)", re.IGNORECASE)
_VARIABLES: Final = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")

_NARROWEST_PROSE, _WIDEST_PROSE = 10, 100


def without_commands(text: str) -> str:
    """Escape the CI commands in a text that begins at the start of a line."""
    return _ANYWHERE.sub(r"\\x23", _LINE.sub(r"\1\\x3a", text)) if "::" in text or "##" in text else text


def without_commands_in_json(text: str) -> str:
    """Escape the CI commands in a JSON text in which no line begins with `::`, without changing its value."""
    return _ANYWHERE.sub(r"\\u0023", text) if "##" in text else text


def is_read_by_ci(stream: TextIO) -> bool:
    """Whether a stream may be a CI log: CI runs the command, and the stream isn't redirected to a file."""
    if not any(map(os.environ.get, _VARIABLES)):
        return False
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream of a program that calls the command
        return True


def without_keys(text: str) -> str:
    """Remove the environment's API key, the platform's keys, and passwords in URLs from a text."""
    from fibonacci._texts.redaction import redact, without_secrets  # the help doesn't need it

    return without_secrets(redact(text, os.environ.get("FIBONACCI_API_KEY", "").strip()))


def has_stream(stream: TextIO | None) -> TypeGuard[TextIO]:
    """Whether a standard stream exists. In a process that was started without one, it is None."""
    return stream is not None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at the other end of a standard stream."""
    return has_stream(stream) and stream.isatty()


def is_dumb() -> bool:
    """Whether the terminal has no colors and can't rewrite lines."""
    return os.environ.get("TERM") in ("dumb", "unknown")


def reading_width() -> int:
    """Return the width of a line of prose: that of the terminal, up to what is easy to read."""
    import shutil  # an error alone does without

    return min(max(shutil.get_terminal_size().columns, _NARROWEST_PROSE), _WIDEST_PROSE)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Wrap a text between words, and indent all lines but the first."""
    import textwrap  # only commands that print prose need it

    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def wrapped_message(text: str, stream: TextIO | None) -> str:
    """Wrap a message between words if its stream is a terminal. Otherwise return it as it is."""
    return "\n".join(wrapped(text, reading_width(), "  ")) if is_terminal(stream) else text


def read_stdin() -> str:
    """Return the text of stdin, or an empty text if the process was started without one."""
    return sys.stdin.read() if has_stream(sys.stdin) else ""


def print_message(text: str, *, end: str = "\n") -> None:
    """Print to stderr, unless its terminal is closed. What CI would take for a command is escaped.

    If the process was started without stderr, print nothing, rather than mix it with the data.
    """
    if has_stream(sys.stderr):
        with suppress(OSError):  # nobody can read it
            print(without_commands(text), end=end, file=sys.stderr, flush=True)


def discard_unwritable() -> None:
    """Discard pending output if stdout or stderr can't be written, so that the exit doesn't fail.

    The pipe or the terminal may be closed, or the disk full.
    """
    for stream in (sys.stdout, sys.stderr):
        if has_stream(stream):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""Text from others made safe to show, so that no terminal, log or reader takes a part of it for something else.

Text from a server, a model or another user may contain dangerous characters: sequences that a terminal executes, line
breaks that forge a log line, and marks that change the order in which a line is read. They are escaped as Python writes
them. A text that has been made safe stays the same when it is made safe again.

The words for a number of things and for a duration are here too: every part of the package has them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in lazy.py
if TYPE_CHECKING:
    from datetime import datetime

# Besides control characters and lone surrogates: what changes the order or the lines of the text around it.
_MARKS = frozenset("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Return a text of several lines with what is unsafe escaped, but for line breaks (`\n`) and tabs.

    >>> printable("\x1b[2Jgone")
    '\\x1b[2Jgone'
    """
    return text if text.isprintable() else "".join([c if c in "\n\t" else _escaped(c) for c in text])


def printable_line(text: str) -> str:
    """Return a text in one line: line breaks and tabs are escaped too."""
    return text if text.isprintable() else "".join([_escaped(c) for c in text])


def visible(text: str) -> str:
    """Return a text in one line in which nothing is invisible either, as where it is compared or its cells count."""
    return text if text.isprintable() else "".join([c if c.isprintable() else repr(c)[1:-1] for c in text])


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 field` or `1,200 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def time_text(milliseconds: float) -> str:
    """Return a duration in at most two units, such as `120 ms`, `1.2 s`, `3 min 20 s` or `2 d 4 h`."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    parts = ((seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join([f"{amount} {unit}" for amount, unit in parts if amount][:2])


def parse_time(value: object) -> datetime | None:
    """Return the time that a text in ISO 8601 names, as the platform sends them, or None for anything else."""
    from datetime import datetime  # most programs read no time

    if not isinstance(value, str) or (len(value) > 8 and value.isdecimal()):  # such digits are seconds, no date
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def is_unicode(text: str) -> bool:
    """Return whether a text is valid Unicode, which UTF-8 can carry: it has no lone surrogate, half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    is_safe = character.isprintable() or not (
        character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff" or character in _MARKS
    )
    return character if is_safe else character.encode("unicode_escape").decode("ascii")

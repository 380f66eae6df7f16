"""The arguments of `run_many`, checked before anything happens."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fibonacci._core.options import (
    check_choice,
    check_count,
    check_flag,
    check_positive_int,
    check_timeout,
    kind_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fibonacci._batch.rows import RowParser

_T = TypeVar("_T")

CHOICES: Final = {
    "if_unknown": ("raise", "rerun"),
    "if_quota_exceeded": ("wait", "raise"),
    "if_new_version": ("raise", "continue"),
}
"""What an option with a few values may be, the default first. The command has the same."""


# How URLs begin, also those with a slash too few. A drive of Windows has one letter.
_URL_BEGIN: Final = re.compile(r"(?i)\s*[a-z][a-z0-9+.-]+:/")
# What begins other names that are no paths: what to pass instead.
_NO_PATHS: Final = {
    ":memory:": "without journal=, nothing is recorded",
    "file:": "pass only the path",
    "~": "~ is not expanded: write out the home folder",
}


class PostgresPlace(NamedTuple):
    """Where a journal in PostgreSQL is.

    Attributes:
        url: The URL of its database, for libpq. It may hold a password, which no text shows.
        name: The name of the journal.
        shown: The URL for messages, without user, password and options of libpq.
    """

    url: str
    name: str
    shown: str

    def __repr__(self) -> str:
        return self.shown


def postgres_place(journal: str) -> PostgresPlace | None:
    """Return where a journal in PostgreSQL is, or None if a journal is a file.

    Raises:
        ValueError: If the URL isn't valid, or doesn't name a journal. The message doesn't have the URL.
    """
    if not journal.startswith(("postgresql://", "postgres://")):
        return None
    begin, _, rest = journal.partition("://")
    try:
        parts = urlsplit(journal)
    except ValueError:
        parts = None
    # In one that isn't encoded, what comes after the server would be a part of the password.
    if parts is None or parts.fragment or "@" in rest.removeprefix(parts.netloc):
        raise ValueError(
            "journal: the URL is not valid: percent-encode special characters in the user and password, such as / as"
            " %2F and @ as %40"
        )
    options = parse_qsl(parts.query, keep_blank_values=True)
    names = [value for option, value in options if option == "journal"]
    if len(names) != 1 or not names[0]:
        raise ValueError("journal: the URL must name one journal, as in postgresql://host/database?journal=NAME")
    query = urlencode([each for each in options if each[0] != "journal"], quote_via=quote)
    shown = f"{begin}://{parts.netloc.rpartition('@')[2]}{parts.path}?journal={quote(names[0])}"
    return PostgresPlace(f"{begin}://{parts.netloc}{parts.path}?{query}", names[0], shown)


def check_journal(journal: str | bytes | os.PathLike[str] | None) -> str | None:
    """Return the path of a journal, the URL of one in PostgreSQL, or None.

    Raises:
        TypeError: If it is no path.
        ValueError: If it is another URL, which may have a password that no text shows, or it can't name a file.
    """
    if journal is None:
        return None
    try:
        path = os.fsdecode(journal)
    except TypeError:
        raise TypeError(f"journal must be the path of a file or None, not {kind_of(journal)}") from None
    if postgres_place(path) is not None:
        return path
    for begin, remedy in _NO_PATHS.items():
        if path.startswith(begin):
            raise ValueError(f"journal must be the path of a file, not {path!r}: {remedy}")
    if _URL_BEGIN.match(path):
        raise ValueError(
            "journal must be the path of a file, such as runs.db, or a URL of PostgreSQL, such as"
            " postgresql://host/database?journal=NAME"
        )
    if not path or "\0" in path:
        fault = "it contains a null character" if path else "it is empty"
        raise ValueError(f"journal must be the path of a file: {fault}")
    return path


class BatchOptions:
    """The checked arguments of `run_many`, which are never changed.

    An option is written down in two places: with its type and meaning in the signature of `run_many`, and here with its
    check.

    Args:
        rows: The rows.
        options: The other arguments by name.

    Attributes:
        parser: Makes rows of what the iterable yields.
        journal: The path of the journal. Of one in PostgreSQL, what texts show. None if there is none.
        postgres: Where the journal is in PostgreSQL. None if it is a file, or there is none.
        total: The number of rows. None if it isn't known.

    Raises:
        TypeError: If one is of the wrong type.
        ValueError: If one has a wrong value.
    """

    def __init__(self, rows: Any, options: Mapping[str, Any]) -> None:
        from fibonacci._batch.rows import RowParser  # the command asks for the choices alone

        if options["resume"] is not None and options["journal"] is None:
            raise ValueError("resume needs a journal: pass journal=, the path of its file")
        self.retry_failed: bool = check_flag("retry_failed", options["retry_failed"])
        if self.retry_failed and options["journal"] is None:
            raise ValueError(
                "retry_failed runs the rows that failed in an earlier call: pass the journal= of that call"
            )
        self.parser: RowParser = RowParser(options["key"], options["inputs"])
        journal = check_journal(options["journal"])
        self.postgres: PostgresPlace | None = None if journal is None else postgres_place(journal)
        self.journal: str | None = journal if self.postgres is None else self.postgres.shown
        self.resume: bool | None = _unless_none(check_flag, "resume", options)
        self.concurrency: int | None = _unless_none(check_positive_int, "concurrency", options)
        self.timeout: float | None = check_timeout(options["timeout"])
        self.max_failures: int | None = _unless_none(check_count, "max_failures", options)
        self.max_rows: int | None = _unless_none(check_positive_int, "max_rows", options)
        self.if_unknown: str = _choice("if_unknown", options)
        self.if_quota_exceeded: str = _choice("if_quota_exceeded", options)
        self.if_new_version: str = _choice("if_new_version", options)
        self.ordered: bool = check_flag("ordered", options["ordered"])
        self.progress: bool = check_flag("progress", options["progress"])
        self.total: int | None = _count(rows)


def _count(rows: Any) -> int | None:
    """Return the number of rows, or None if it isn't known."""
    try:
        return len(rows)
    except Exception:  # of any kind: some iterables have a length that fails, such as a tqdm bar over a generator
        return None


def _unless_none(check: Callable[[str, Any], _T], name: str, options: Mapping[str, Any]) -> _T | None:
    value = options[name]
    return None if value is None else check(name, value)


def _choice(name: str, options: Mapping[str, Any]) -> str:
    return check_choice(name, options[name], CHOICES[name])

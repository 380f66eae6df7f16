"""Where a journal is: the path of a file, or a URL of Redis with the name of the journal."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs, quote, unquote_plus, urlsplit

from fibonacci._core.options import kind_of
from fibonacci._redaction import shown_url, without_secrets

_SCHEMES: Final = ("redis", "rediss", "unix")
# How URLs begin, also misspelled ones: a drive of Windows has one letter.
_URL_BEGIN: Final = re.compile(r"(?i)(?:rediss?|unix)\W*(?::|//)|[a-z][a-z0-9+.-]+:/")
_NAME: Final = "journal"
_DURABILITY: Final = "durability"
# It becomes a part of the names of keys, in which braces have a meaning.
_WRONG_IN_NAME: Final = re.compile(r"[{}\x00-\x20\x7f]")
_LONGEST_NAME: Final = 200
# What begins names that are no paths: what to pass instead.
_NO_PATHS: Final = {
    ":memory:": "without journal=, nothing is recorded",
    "file:": "pass only the path",
    "~": "~ is not expanded: write out the home folder",
}


DURABILITIES: Final = ("none", "everysec", "always")
"""What a server may have to promise of its writes, from the least to the most, in the words of `appendfsync`."""


class RedisJournalURL(NamedTuple):
    """A server and the name of a journal there. Its repr shows no password.

    Attributes:
        url: The URL for the client of the server.
        name: The name of the journal. None for that of the workflow.
        durability: The least that the server has to promise of its writes.
    """

    url: str
    name: str | None
    durability: str = DURABILITIES[-1]

    @property
    def given_name(self) -> str:
        """The name of the journal, where it has to be in the URL.

        Raises:
            ValueError: If it isn't.
        """
        if self.name is None:
            raise ValueError(
                "journal: the URL does not name the journal: pass redis://host/0?journal=NAME. If the run had no "
                "name, NAME is the workflow's ID"
            )
        return self.name

    @property
    def shown(self) -> str:
        """The URL without user, password and options, but with those of the journal."""
        name = "" if self.name is None else f"{_NAME}={quote(self.name, safe='')}"
        durability = "" if self.durability == DURABILITIES[-1] else f"{_DURABILITY}={self.durability}"
        options = "&".join(filter(None, (name, durability)))
        return shown_url(self.url) + (f"?{options}" if options else "")

    @property
    def database(self) -> str:
        """The server and the number of its database, by which one is told from others."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        server, number = (parts.path, "") if parts.scheme == "unix" else (host, parts.path.strip("/"))
        return f"{server} {parse_qs(parts.query).get('db', [number])[-1] or 0}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shown}>"


def check_journal(journal: str | bytes | os.PathLike[str] | None) -> str | RedisJournalURL | None:
    """Return the path of a journal, its place in Redis, or None.

    Raises:
        TypeError: If it is neither a path nor a URL.
        ValueError: If it is the URL of something else, or its name can't be used.
    """
    if journal is None:
        return None
    try:
        path = os.fsdecode(journal)
    except TypeError:
        raise TypeError(f"journal must be the path of a file, a Redis URL or None, not {kind_of(journal)}") from None
    scheme, separator, _ = path.partition("://")
    if separator and scheme in _SCHEMES:
        return _redis_url(path)
    kinds = "the path of a file or a Redis URL (redis://, rediss:// or unix://)"
    if separator and scheme.isalnum() and scheme.islower():
        raise ValueError(f"journal must be {kinds}: {scheme} is not supported")
    if _is_misspelled_url(path):
        raise ValueError(
            f"journal must be {kinds}, not {without_secrets(path)!r}. For a file with that name, put ./ before it"
        )
    for begin, remedy in _NO_PATHS.items():
        if path.startswith(begin):
            raise ValueError(f"journal must be the path of a file or a Redis URL, not {path!r}: {remedy}")
    if not path or "\0" in path:
        fault = "it contains a null character" if path else "it is empty"
        raise ValueError(f"journal must be the path of a file or a Redis URL: {fault}")
    return path


def _is_misspelled_url(path: str) -> bool:
    """Whether a path looks like a URL with an error in it: a file of that name would have a password in its name."""
    text = path.lstrip(" \t\n'\"<(")
    authority = text.partition("//")[2] or re.split(r"[/\\]", text, maxsplit=1)[0]
    return _URL_BEGIN.match(text) is not None or ":" in authority.rpartition("@")[0]


def _redis_url(url: str) -> RedisJournalURL:
    try:
        shown_url(url)
    except ValueError:  # whose text may show a password
        raise ValueError("journal: the URL of the Redis server is not valid") from None
    server, _, query = url.partition("?")
    options = query.split("&") if query else []
    name, durability = (_option(options, key) for key in (_NAME, _DURABILITY))
    if name is not None and (not name or len(name) > _LONGEST_NAME or _WRONG_IN_NAME.search(name)):
        raise ValueError(
            f"journal: the name in ?journal= must have 1 to {_LONGEST_NAME} characters, with no braces, spaces or"
            f" control characters, not {name!r}"
        )
    if durability is not None and durability not in DURABILITIES:
        raise ValueError(f"journal: durability= in the URL must be {', '.join(DURABILITIES)}, not {durability!r}")
    rest = "&".join(option for option in options if option.partition("=")[0] not in (_NAME, _DURABILITY))
    return RedisJournalURL(f"{server}?{rest}" if rest else server, name, durability or DURABILITIES[-1])


def _option(options: list[str], name: str) -> str | None:
    """Return the value of an option of a URL, or None if it isn't there."""
    values = [unquote_plus(option.partition("=")[2]) for option in options if option.partition("=")[0] == name]
    if len(values) > 1:
        raise ValueError(f"journal: the URL has {name}= more than once: a journal has only one {name}")
    return values[0] if values else None

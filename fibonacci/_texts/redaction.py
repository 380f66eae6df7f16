"""Redaction of the API key, and of passwords in URLs, in everything that a person may see."""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import unquote, urlsplit

REDACTED = "[API key]"
# A shorter key isn't a secret, and redacting it would make a text unreadable.
_SHORTEST = 6
# Compiled when they are used, which is when something failed.
_KEY = r"fib_(?:live|test)_\w+"
_WORDS = r"[^\s'\"]+"
_PASSWORD_OPTION = (
    r"(?i)((?:password|passwd|token|secret|api[_-]?key)(?:=|%3D))(?:(?<==)[^\s&#'\"]+|(?<=%3D)(?:(?!%26|%23)[^\s'\"])+)"
)


def redact(text: str, key: str | None) -> str:
    """Return the text with every occurrence of the key replaced."""
    return text.replace(key, REDACTED) if key and len(key) >= _SHORTEST else text


def redact_url(url: str, key: str | None) -> str:
    """Return the same for a path or a URL, where the key may be percent-encoded."""
    decoded = unquote(url)
    redacted = redact(decoded, key)
    return url if redacted == decoded else redacted


def redact_bytes(data: bytes, key: bytes) -> bytes:
    """Return the same for bytes."""
    return data.replace(key, REDACTED.encode()) if len(key) >= _SHORTEST else data


def redact_json(value: Any, key: str) -> Any:
    """Return the same for decoded JSON: an escaped key shows only after decoding."""
    if isinstance(value, str):
        return redact(value, key)
    if isinstance(value, list):
        return [redact_json(item, key) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {redact(name, key): redact_json(item, key) for name, item in cast("dict[str, object]", value).items()}
    return value


def redact_causes(error: BaseException, key: str | None) -> None:
    """Redact the exceptions that caused an error: some quote the response, some hold the request."""
    seen = {id(error)}
    left = [error.__cause__, error.__context__]
    while left:
        cause = left.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            cause.args = tuple(redact(arg, key) if isinstance(arg, str) else arg for arg in cause.args)
            # httpx's exceptions carry the request, whose headers would go into a pickle.
            request = vars(cause).get("_request")
            if request is not None:
                request.headers["authorization"] = REDACTED
            left += [cause.__cause__, cause.__context__]


def without_secrets(text: str) -> str:
    """Return a text that a person has typed, or that quotes one, without passwords in URLs and keys of the platform.

    The URLs need not be valid: the password of one that is misspelled (`redis:/:password@host`) is a password too.
    """
    text = re.sub(_KEY, REDACTED, text)
    if "@" in text or "%40" in text:
        text = re.sub(_WORDS, _without_user, text)
    return re.sub(_PASSWORD_OPTION, r"\1***", text)


def _without_user(match: re.Match[str]) -> str:
    word = match[0]
    decoded = unquote(word)  # one that was passed as an id is percent-encoded in the path of a request
    before, at, host = decoded.rpartition("@")
    starts = [place for place in (before.find(":"), before.find("//")) if place >= 0]
    if not at or not starts:  # without either, it is an email address
        return word
    rest = before[min(starts) :]
    user = rest.removeprefix(":").lstrip("/")
    if rest.startswith("://") and "/" in user and ":" not in user:  # https://host/@name
        return word
    return f"{before.removesuffix(user)}***@{host}"


def shown_url(url: str) -> str:
    """Return the URL of a server without user, password and options.

    Raises:
        ValueError: If its path isn't the number of a database, but may be part of a password with a `/`.
    """
    parts = urlsplit(url)
    database = parts.path.removeprefix("/")
    if parts.scheme != "unix" and database and not database.isdecimal():
        raise ValueError("the path of the URL is not the number of a database")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

"""Keeping the API key out of everything that a person may see."""

from __future__ import annotations

from typing import Any

from fibonacci._core.json_types import is_array, is_object

REDACTED = "[API key]"
# A key shorter than this is no secret, and taking it out would make a text unreadable.
_SHORTEST = 6


def redact(text: str, key: str | None) -> str:
    """The text with the key, wherever it stands in it, replaced."""
    return text.replace(key, REDACTED) if key and len(key) >= _SHORTEST else text


def redact_bytes(data: bytes, key: bytes) -> bytes:
    """The same for bytes."""
    return data.replace(key, REDACTED.encode()) if len(key) >= _SHORTEST else data


def redact_json(value: Any, key: str) -> Any:
    """The same for decoded JSON: an escaped key is not seen before it is decoded."""
    if isinstance(value, str):
        return redact(value, key)
    if is_array(value):
        return [redact_json(item, key) for item in value]
    if is_object(value):
        return {redact(name, key): redact_json(item, key) for name, item in value.items()}
    return value


def redact_causes(error: BaseException, key: str | None) -> None:
    """The same for the exceptions that led to an error: some quote what the server sent, some hold the request."""
    seen = {id(error)}
    left = [error.__cause__, error.__context__]
    while left:
        cause = left.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            cause.args = tuple(redact(arg, key) if isinstance(arg, str) else arg for arg in cause.args)
            # httpx's exceptions carry the request, whose headers they would take into a pickle.
            request = vars(cause).get("_request")
            if request is not None:
                request.headers["authorization"] = REDACTED
            left += [cause.__cause__, cause.__context__]

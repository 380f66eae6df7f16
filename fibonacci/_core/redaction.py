"""Keeping the API key out of everything that a person may see."""

from __future__ import annotations

REDACTED = "[API key]"
# A key shorter than this is no secret, and taking it out would make a text unreadable.
_SHORTEST = 6


def redact(text: str, key: str | None) -> str:
    """The text with the key, wherever it stands in it, replaced."""
    return text.replace(key, REDACTED) if key and len(key) >= _SHORTEST else text


def redact_bytes(data: bytes, key: bytes) -> bytes:
    """The same for bytes."""
    return data.replace(key, REDACTED.encode()) if len(key) >= _SHORTEST else data

"""Keeping the API key out of everything that a person may see."""

from __future__ import annotations

REDACTED = "[API key]"


def redact(text: str, key: str | None) -> str:
    """The text with the key, wherever it stands in it, replaced."""
    return text.replace(key, REDACTED) if key else text


def redact_bytes(data: bytes, key: bytes) -> bytes:
    """The same for bytes."""
    return data.replace(key, REDACTED.encode()) if key else data

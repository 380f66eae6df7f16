"""API keys in messages: one that was typed or pasted where it does not belong is not repeated."""

from __future__ import annotations

import os


def without_keys(text: str) -> str:
    """Return a text without the key of the environment, keys of the platform, and passwords in URLs."""
    from fibonacci._core.redaction import redact, without_secrets  # a help does without

    return without_secrets(redact(text, os.environ.get("FIBONACCI_API_KEY", "").strip()))

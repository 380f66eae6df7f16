"""API keys in messages: one that was typed or pasted where it does not belong is not repeated."""

from __future__ import annotations

import os
import re
from typing import Final

_SHORTEST: Final = 8
"""A shorter key could be a part of any word."""

_KEY: Final = re.compile(r"fib_(?:live|test)_\w+")


def without_keys(text: str) -> str:
    """Return a text without the key of the environment, and without what has the form of the platform's keys."""
    key = os.environ.get("FIBONACCI_API_KEY", "").strip()
    if len(key) >= _SHORTEST:
        text = text.replace(key, "[API key]")
    return _KEY.sub("[API key]", text)

"""Remedies of the client, in terms of the command line.

The client's messages name arguments of Python, which a command does not have.
"""

from __future__ import annotations

from typing import Final

_REPLACED: Final = (
    ("pass api_key=..., set the environment variable FIBONACCI_API_KEY,", "set FIBONACCI_API_KEY,"),
    ("is blank; pass your API key, or set FIBONACCI_API_KEY", "is blank: set it to an API key, or unset it"),
    ("use https, or pass allow_insecure=True in a network that you trust", "use https"),
    ("pass the key as api_key", "set the key in FIBONACCI_API_KEY, or run `fibonacci auth login`"),
    ("check base_url and", "check FIBONACCI_BASE_URL or the profile, and"),
    ("idempotency_key must be", "--idempotency-key must be"),
    ("profile: there is no profile", "--profile: there is no profile"),
    ("profile must be the name", "--profile must be the name"),
)


def for_command_line(text: str) -> str:
    """Return a message of the client with the remedies that the command line has."""
    for python, command in _REPLACED:
        text = text.replace(python, command)
    return text

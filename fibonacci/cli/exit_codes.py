"""Exit codes of the command, and the error of what its user has to change."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""What was requested is done."""

FAILED: Final = 1
"""It has failed, on the platform or on the way there; files that are compared differ."""

PLANNED: Final = 2
"""Changes are planned."""

NO_CREDENTIALS: Final = 4
"""There is no API key, or the platform refuses it."""

USAGE: Final = 64
"""An argument or a file has a fault. Nothing was sent because of it."""

SIGNALED: Final = 128
"""A signal has ended the command; its number is added: 130 is Ctrl-C, 143 SIGTERM."""


class UsageError(ValueError):
    """An argument or a file of the command has a fault; the text is one line with the place and the remedy."""

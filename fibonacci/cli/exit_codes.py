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

INTERRUPTED: Final = 130
"""Ctrl-C has ended the command."""


class UsageError(ValueError):
    """An argument or a file of the command has a fault; the text is one line with the place and the remedy."""

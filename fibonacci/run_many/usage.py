"""Exit codes of the command, and the error of what its user has to change."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""Every row has succeeded."""

FAILED: Final = 1
"""A row has not succeeded, or something else has failed."""

NO_CREDENTIALS: Final = 4
"""There is no API key, or the platform refuses it."""

USAGE: Final = 64
"""An argument or a file has a fault."""


class UsageError(ValueError):
    """An argument or a file of the command has a fault; the text is one line with the place and the remedy."""

"""Where the parsed options hold the arguments of a call."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "call."
"""What the names of a call's arguments begin with in the parsed options, which hold the global options too."""

NULLS: Final = f"{PREFIX}null"
"""The name of `--null` in the parsed options."""

"""How a check ends when it does not pass."""

from __future__ import annotations


class Disagreement(Exception):
    """The server does not behave as expected."""


class Skipped(Exception):
    """The check does not apply to this server; the message says why."""


class NotInThisAPI(Exception):
    """The check is about a fact that the API under test does not have; the message says which."""

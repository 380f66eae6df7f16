"""Times as the platform sends them."""

from __future__ import annotations

from datetime import datetime


def parse_time(value: object) -> datetime | None:
    """Return the time that a text in ISO 8601 names, or None for anything else."""
    if not isinstance(value, str) or (len(value) > 8 and value.isdecimal()):  # such digits are seconds, no date
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None

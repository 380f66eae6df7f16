"""Times as the platform sends them."""

from __future__ import annotations

from datetime import datetime


def parse_time(value: object) -> datetime | None:
    """Return the time that a text in ISO 8601 names, or None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None

"""The check of the status that executions are filtered by: a misspelling is refused."""

from __future__ import annotations

from typing import Any

from fibonacci._suggestions import nearest
from fibonacci.models.executions import KNOWN_STATUSES


def check_status(status: Any) -> None:
    """Refuse a misspelled status, for which the platform would return an empty list.

    The platform may have any other status. What is not a string is checked with the other parameters.

    Raises:
        ValueError: If it is not a known status but looks like one.
    """
    if isinstance(status, str) and status not in KNOWN_STATUSES and (near := nearest(status, KNOWN_STATUSES)):
        raise ValueError(f"status {status[:80]!r} looks misspelled: did you mean {near!r}?")

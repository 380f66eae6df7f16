"""The check of the status that executions are filtered by: a misspelling is refused."""

from __future__ import annotations

from typing import Any

from fibonacci._suggestions import nearest
from fibonacci.models.any_string import any_string
from fibonacci.models.executions import KNOWN_STATUSES


def check_status(status: Any) -> Any:
    """Return the status of a filter; what is not a string is checked with the other parameters.

    Raises:
        ValueError: If it is unknown and not an `any_string`.
    """
    if not isinstance(status, str) or isinstance(status, any_string) or status in KNOWN_STATUSES:
        return status
    near = nearest(status, KNOWN_STATUSES)
    hint = f"did you mean {near!r}?" if near else f"it is one of {', '.join(KNOWN_STATUSES)}."
    raise ValueError(
        f"status {status[:80]!r} is not known: {hint} If the platform has it: status=any_string({status[:80]!r})"
    )

"""Values of open sets: a misspelling is refused, and what the SDK does not know yet is marked."""

from __future__ import annotations

from typing import Any

from fibonacci._suggestions import nearest
from fibonacci.models.executions import KNOWN_STATUSES


class any_string(str):  # noqa: N801  (it is used like a function)
    """Marks a value that the SDK does not know, such as a status that the platform has added.

    Without the mark, a filter by an unknown status is refused: misspelled, it would yield an empty list.

    Example:
        ```python
        from fibonacci import any_string

        paused = client.executions.list(status=any_string("paused"))
        ```
    """

    __slots__ = ()


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

"""The mark on a value of an open set that the SDK does not know."""

from __future__ import annotations


class any_string(str):  # noqa: N801  (it is used like a function)
    """Marks a value that the SDK does not know, such as a status that the platform has added.

    Without the mark, a filter by an unknown status is refused: misspelled, it would yield an empty list. The status of
    an execution that the platform sent has the mark already.

    Example:
        ```python
        from fibonacci import any_string

        paused = client.executions.list(status=any_string("paused"))
        ```
    """

    __slots__ = ()

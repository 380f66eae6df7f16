"""The marker for an argument that was left out, where None means something else."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from typing import Final


class Unset:
    """The type of `UNSET`, the marker for an argument that was left out.

    An argument that is `UNSET` isn't sent at all, while None is sent as null. `UNSET` is the only object of this type,
    and it is false.

    Example:
        ```python
        from fibonacci import UNSET


        def rename(workflow_id: str, name: str, description: str | None = None) -> None:
            client.workflows.update(workflow_id, name=name, description=description or UNSET)


        rename(workflow.id, "Welcome")
        ```
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Marks an argument that was left out, so that it isn't sent and changes nothing, while None is sent as null."""

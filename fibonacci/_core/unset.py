"""The sentinel for an argument that was left out, where None has a meaning of its own."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from typing import Final


class Unset:
    """The type of `UNSET`, which stands for an argument that was left out.

    What is `UNSET` is not sent at all; None is sent as null. Its only object is `UNSET`, which is false.

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
"""The argument that is left out, where None has a meaning of its own: it is not sent, and changes nothing."""

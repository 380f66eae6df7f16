"""The sentinel for an argument that was left out, where None has a meaning of its own."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from typing import Final


class Unset:
    """The type of `UNSET`. A parameter that is `UNSET` is not sent at all; None is sent as null."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()

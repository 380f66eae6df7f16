"""Help with misspelled names; difflib is imported only where a name is wrong."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that another resembles most; None if it resembles none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1)), None)


class _LazyText:
    """The text of an error, made when it is read."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def __str__(self) -> str:
        return self._make()

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def missing_attribute(owner: object, name: str, known: Callable[[], Iterable[str]] | None = None) -> AttributeError:
    """Return the error for a missing attribute, whose text has the nearest name that exists.

    The text is made when it is read, for most such errors are not: `hasattr` discards them. The error has no `obj`, for
    which Python would add the same suggestion.

    Args:
        owner: The object.
        name: The attribute.
        known: Returns the attributes that the object has; those of its class by default.
    """

    def text() -> str:
        found = dir(type(owner)) if known is None else known()
        names = [each for each in found if not each.startswith("_")]
        near = nearest(name, names)
        hint = f"; did you mean {near!r}?" if near else f"; it has {', '.join(names)}"
        return f"{type(owner).__name__} has no attribute {name!r}{hint}"

    return AttributeError(_LazyText(text), name=name)

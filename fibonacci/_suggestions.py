"""Help with misspelled names; difflib is imported only where a name is wrong."""

from __future__ import annotations

TYPE_CHECKING = False  # not imported from typing, for the reason in _lazy.py
if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that another resembles most; None if it resembles none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1)), None)


def missing_attribute(owner: object, name: str, known: Iterable[str] | None = None) -> AttributeError:
    """Return the error for a missing attribute, with the nearest name that exists.

    Args:
        owner: The object.
        name: The attribute.
        known: The attributes that the object has; those of its class by default.
    """
    names = [each for each in (dir(type(owner)) if known is None else known) if not each.startswith("_")]
    near = nearest(name, names)
    hint = f"; did you mean {near!r}?" if near else f"; it has {', '.join(names)}"
    return AttributeError(f"{type(owner).__name__} has no attribute {name!r}{hint}", name=name, obj=owner)

"""Help with misspelled names."""

from __future__ import annotations


def missing_attribute(owner: object, name: str) -> AttributeError:
    """Return the error for a missing attribute, with the nearest name that exists."""
    from difflib import get_close_matches

    names = [known for known in dir(type(owner)) if not known.startswith("_")]
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(names)}"
    return AttributeError(f"{type(owner).__name__} has no attribute {name!r}{hint}", name=name, obj=owner)

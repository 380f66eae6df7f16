"""The types of JSON for pydantic and for type checkers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeGuard

from pydantic import BeforeValidator


def whole(value: object) -> object:
    """Return a number that is whole as an integer, and anything else as it is: JSON does not tell 5.0 from 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole)]
"""A whole number in a strict model, which may be written as 5.0 too."""


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a value is a JSON object."""
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a JSON array."""
    return isinstance(value, list | tuple)


_MOST_SHOWN = 80


def shown(value: object) -> str:
    """Return any value as a message shows it: cut where it is long, or nested too deep to be written."""
    text = ""
    try:
        for piece in _written(value):
            text += piece
            if len(text) > _MOST_SHOWN:
                return f"{text[: _MOST_SHOWN - 3]}..."
    except RecursionError:
        return f"a {type(value).__name__} of many levels"
    return text


def _written(value: Any) -> Iterator[str]:
    """Yield the `repr` of a JSON value in pieces: of a large one no more is written than is shown."""
    if isinstance(value, str):
        yield repr(value[: _MOST_SHOWN + 1])
    elif is_array(value):
        for index, element in enumerate(value):
            yield ", " if index else "["
            yield from _written(element)
        yield "]" if value else "[]"
    elif is_object(value):
        for index, (key, member) in enumerate(value.items()):
            yield ", " if index else "{"
            yield from _written(key)
            yield ": "
            yield from _written(member)
        yield "}" if value else "{}"
    else:
        yield repr(value)

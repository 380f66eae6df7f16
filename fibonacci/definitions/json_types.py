"""Values of JSON: their types, and how messages show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from reprlib import Repr
from typing import Annotated, Any, TypeGuard

from pydantic import BeforeValidator

from fibonacci._texts.text import is_unicode, printable_line


def whole(value: object) -> object:
    """Return a whole number as an integer, because 5.0 equals 5 in JSON, and anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole)]
"""A whole number in a strict model, which may also be written as 5.0."""


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a value is a JSON object."""
    return type(value) is dict or isinstance(
        value, Mapping
    )  # nearly all are dicts, and checking an abstract class is slow


def as_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object as it is, or an empty one for any other value."""
    return value if is_object(value) else {}


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a JSON array."""
    return isinstance(value, (list, tuple))  # a union would be created for each value


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number, which a boolean isn't in JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def place_of(parts: Iterable[int | str]) -> str:
    """Return a place inside a value as in messages, such as `answer[3].text`, from its keys and indices."""
    return "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts]).removeprefix(".")


def path_to_bad_text(value: object) -> tuple[int | str, ...] | None:
    """Return the path to the first key or text in JSON that isn't valid Unicode, or `None` if all are."""
    if isinstance(value, str):
        return None if is_unicode(value) else ()
    if is_object(value):
        bad_keys = ((printable_line(key),) for key in value if not is_unicode(key))
        inner_paths = _bad_texts_in(value.items())
        return next(bad_keys, None) or next(inner_paths, None)
    return next(_bad_texts_in(enumerate(value)), None) if is_array(value) else None


def _bad_texts_in(entries: Iterable[tuple[int | str, object]]) -> Iterator[tuple[int | str, ...]]:
    for part, inner in entries:
        path = path_to_bad_text(inner)
        if path is not None:
            yield (part, *path)


def map_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """Return JSON with each text changed, including keys."""
    if isinstance(value, str):
        return change(value)
    if is_object(value):
        return {change(key): map_texts(entry, change) for key, entry in value.items()}
    if is_array(value):
        return [map_texts(element, change) for element in value]
    return value


def canonical(value: object) -> str:
    """Return the canonical text of a JSON value: sorted keys, no spaces, 5.0 as 5."""
    import json  # the first call doesn't need it

    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), default=str)


def _normal(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_object(value):
        return {key: _normal(item) for key, item in value.items()}
    if is_array(value):
        return [_normal(item) for item in value]
    return value


_MOST_SHOWN = 80
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 2 * _MOST_SHOWN
_REPR.maxdict = _REPR.maxlist = 10
_REPR.maxlevel = 4  # limits how much of a large value is written


def shown(value: object) -> str:
    """Return any value as messages show it. Long ones are cut."""
    text = _REPR.repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."

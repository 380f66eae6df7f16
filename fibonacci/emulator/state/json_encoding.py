"""JSON as the emulator reads and writes it: in requests, in its state and in responses."""

from __future__ import annotations

import json
import json.encoder
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

from fibonacci.definitions.json_types import is_array, is_object, path_to_bad_text, place_of

if TYPE_CHECKING:
    JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
else:  # values of this type were parsed from JSON, and checking them again would take long
    JSON = Any

JSONObject = dict[str, JSON]


def fields_of(record: Mapping[str, object]) -> JSONObject:
    """Return the fields of a record: each is JSON."""
    return cast("JSONObject", dict(record))


def _encoder() -> Callable[[Any], str]:
    """Return an encoder to reuse: `JSONEncoder.encode` makes one in C each time, which takes longer."""
    encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # on PyPy
        return encoder.encode
    chunks = make(None, encoder.default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda content: "".join(chunks(content, 0))


_ENCODE: Final = _encoder()


def to_text(content: Any) -> str:
    """Encode compactly, and escape everything outside ASCII in lower case.

    Raises:
        ValueError: If a number is not finite.
    """
    return _ENCODE(content)


def to_json(content: Any) -> bytes:
    """Encode as `to_text` does, to bytes."""
    return _ENCODE(content).encode("ascii")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON as the standard defines it: numbers are finite.

    Raises:
        ValueError: If it is not JSON.
        RecursionError: If it is nested too deep.
    """
    if not isinstance(text, str):
        text = text.decode(json.detect_encoding(text))
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    return _DECODE(text)


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


_DECODE: Final = json.JSONDecoder(parse_constant=_not_json, parse_float=_finite).decode  # `loads` makes one each time


SURROGATE: Final = "\\ud"
"""How surrogates begin in JSON that was encoded here: those of pairs too, and some other characters."""

_BAD_TEXT: Final = "is not valid Unicode: it has a lone surrogate, probably because it was cut inside a character"


def unicode_fault(content: object, name: str = "") -> tuple[str, str] | None:
    """Return the place of the first text in JSON that is not valid Unicode, and a message, or `None` if all are valid.

    Such text is never stored, because hardly any client could read a response that contains it.

    Args:
        content: The JSON.
        name: What the place begins with.
    """
    path = path_to_bad_text(content)
    return None if path is None else (place_of((name, *path) if name else path), _BAD_TEXT)


def is_larger_than(content: Any, size: int) -> bool:
    """Return whether JSON content has more than about `size` characters, reading no further than that."""
    waiting: list[Any] = [content]
    while waiting and size >= 0:
        value = waiting.pop()
        size -= 1
        if isinstance(value, str):
            size -= len(value)
        elif is_object(value):
            size -= sum(map(len, value))
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
    return size < 0

"""The key of a row as a text, as journals have it. The number 1 and the text "1" are two keys.

A number is its digits; a text is itself, unless it would be read as a number, or begins with a quote: then it is JSON.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from fibonacci._core.option_checks import kind_of

_NUMBER: Final = re.compile("-?[0-9]+")


def key_text(key: Any, index: int) -> str:
    """Return a key as a text.

    Args:
        key: The key: a str or an int, or one of numpy.
        index: The place of its row, for messages.

    Raises:
        TypeError: If it is neither a str nor an int.
        ValueError: If it has half of a surrogate pair, or is a number of thousands of digits.
    """
    value: object = key.item() if hasattr(key, "dtype") and hasattr(key, "item") else key
    if isinstance(value, bool) or not isinstance(value, str | int):
        remedy = "give each row one" if value is None else "pass key=, a function that returns one, as by str()"
        raise TypeError(f"the key of row {index} must be a str or an int, not {kind_of(key)}; {remedy}")
    try:
        text = _quoted(value) if isinstance(value, str) else str(int(value))
        text.encode()
    except ValueError as error:
        raise ValueError(f"the key of row {index} is no text that can be stored ({error}); pass another") from None
    return text


def key_in(text: str) -> str | int:
    """Return the key that a journal has as a text.

    Raises:
        ValueError: If it is damaged.
    """
    if text.startswith('"'):
        return str(json.loads(text))
    return int(text) if _NUMBER.fullmatch(text) else text


def other_key(text: str) -> str | None:
    """Return the key that reads the same and is of the other type; None where there is none.

    >>> other_key("7"), other_key('"7"'), other_key('"007"'), other_key("a")
    ('"7"', '7', None, None)
    """
    key = key_in(text)
    if isinstance(key, int):
        return _quoted(str(key))
    return key if _NUMBER.fullmatch(key) and str(int(key)) == key else None


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) if key.startswith('"') or _NUMBER.fullmatch(key) else str(key)

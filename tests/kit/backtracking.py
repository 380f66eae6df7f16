"""Whether a regular expression takes more than linear time: it is given long texts that repeat parts of its pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from tests.kit.assertions import is_quick

_CLASSES: Final = {r"\w": "a", r"\d": "5", r"\s": " ", r"\S": "-", r"\W": "-", r"\n": "\n", "[a-z]": "a", "[0-9]": "5"}
_OTHERS: Final = 'aZ5_ \n-"\\é'
_LENGTHS: Final = (*range(12, 44, 4), 100, 200, 400, 800, 1600, 5000)
_SECONDS_A_CHARACTER: Final = 1e-6
"""Ten times what any pattern of linear time takes, and it is asked for at its best."""


def is_slow(pattern: re.Pattern[Any], method: str) -> bool:
    """Tell whether a pattern takes more than linear time on a text.

    Args:
        pattern: The pattern, compiled.
        method: The method of it that is called.
    """
    find = getattr(pattern, method)
    is_bytes = isinstance(pattern.pattern, bytes)
    for repeated in set(_parts(pattern.pattern.decode("latin-1") if is_bytes else pattern.pattern)):
        for length in _LENGTHS:
            text: Any = repeated * (length // len(repeated)) + "\0"
            given = text.encode("latin-1") if is_bytes else text
            if not is_quick(partial(find, given), 1e-3 + length * _SECONDS_A_CHARACTER):
                return True
    return False


def _parts(source: str) -> Iterator[str]:
    for part, text in _CLASSES.items():
        source = source.replace(part, text)
    source = re.sub(r"\(\?[:=!<>P]+", "(", source)
    yield from _OTHERS
    for size in range(1, 5):
        yield from (source[begin : begin + size] for begin in range(len(source) - size + 1))
        plain = re.sub(r"[^\w<>/.,:;\" -]", "", source)
        yield from (plain[begin : begin + size] for begin in range(len(plain) - size + 1))

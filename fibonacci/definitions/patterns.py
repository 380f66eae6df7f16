r"""Matching the regular expressions of JSON Schemas in bounded time, and counting the steps of a check.

The schemas are untrusted, and `re` may never return: `^(a+)+$` on 40 letters takes hours, and nothing can stop it.
The time that Pydantic's engine takes is proportional to the size of the pattern times the length of the text. That
product needs a limit: `(?:a{0,1000}){0,100}x` on 10,000 letters takes 60 s.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

_MOST_STEPS: Final = 1_000_000
"""About a second on a slow machine."""
_LONGEST: Final = 10_000
_STATES_A_STEP: Final = 20
"""How many parts of a pattern are compared with a character in one step, as low as in the slowest patterns."""

_CLASSES: Final = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[A-Za-z0-9_]", r"\W": "[^A-Za-z0-9_]"}
"""The meaning of these classes in ECMA 262, which JSON Schema uses. In Pydantic's engine they include all scripts."""

_TOKEN: Final = re.compile(r"\\.|\{[0-9]+(?:,[0-9]*)?\}|.", re.DOTALL)


class PatternError(ValueError):
    """A pattern can't be matched: it is invalid, uses something unsupported, or takes too long."""


class TooManyStepsError(PatternError):
    """A check of a value takes too long. The message continues a sentence that begins with the value's name."""


class Steps:
    """The time left for one check, counted in steps so that it is the same on every machine.

    Args:
        most: The maximum number of steps.
    """

    def __init__(self, most: int = _MOST_STEPS) -> None:
        self._most = most
        self._left = most

    def take(self, count: int) -> None:
        """Count steps.

        Raises:
            TooManyStepsError: If no steps are left.
        """
        self._left -= count
        if self._left < 0:
            raise TooManyStepsError(
                f"takes more than {self._most:,} steps on this value. Simplify it, or shorten the value"
            )


def matches(pattern: str, text: str, steps: Steps) -> bool:
    """Return whether a pattern matches somewhere in a text.

    Args:
        pattern: The pattern.
        text: The text.
        steps: Counts the steps.

    Raises:
        PatternError: If the pattern is invalid, or no steps are left. The message continues "the pattern".

    Example:
        >>> matches("^(a+)+$", "a" * 40 + "!", Steps())
        False
    """
    validator, size = _compiled(pattern)
    steps.take(1 + size * (1 + len(text)) // _STATES_A_STEP)
    return validator.isinstance_python(text)


def pattern_fault(pattern: str) -> str:
    """Return why a pattern is invalid, as the end of a sentence about it. Empty if it is valid."""
    try:
        _compiled(pattern)
    except PatternError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[SchemaValidator, int]:
    """Return a compiled pattern and its size: how many characters it has, counting repetitions."""
    if len(pattern) > _LONGEST:
        raise PatternError(f"has more than {_LONGEST:,} characters")
    written = re.sub(r"\\.", lambda match: _CLASSES.get(match[0], match[0]), pattern, flags=re.DOTALL)
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=written, regex_engine="rust-regex"))
    except SchemaError as error:
        reason = str(error).rpartition("error: ")[2].rpartition("SchemaError: ")[2]
        raise PatternError(f"cannot be read: {reason}") from None
    sizes, last, is_in_class = [0], 0, False
    for token in _TOKEN.findall(pattern):
        if is_in_class:
            is_in_class = token != "]"
            continue
        is_in_class = token == "["
        if token == "(":
            sizes.append(0)
            continue
        if token == ")":
            last = sizes.pop()
        elif token[0] == "{" and len(token) > 1:
            last *= max(map(int, re.findall("[0-9]+", token))) - 1
        else:
            last = 1
        sizes[-1] += last
    return validator, sizes[0]

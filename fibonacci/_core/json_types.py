"""JSON: type guards, and a bound on what parsing may cost."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import Any, TypeGuard

from fibonacci._core.compression import TooLargeError

#: The most values of a JSON document, the names of members included, with the default `max_response_bytes`.
MAX_VALUES = 1024 * 1024
#: With a larger `max_response_bytes`, one value for each so many bytes.
BYTES_PER_VALUE = 64
# Whatever is in a smaller body, parsing it takes little: an array or an object has three bytes at least.
_CHEAP_TO_PARSE = 3 * MAX_VALUES


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded JSON value is an array."""
    return isinstance(value, list)


def check_values(body: bytes, max_response_bytes: int) -> None:
    """Check, before a body is parsed as JSON, that it doesn't hold too many values.

    A few bytes of JSON become an object of a hundred times their size. The depth needs no check: the parser refuses
    more than 200 levels.

    Raises:
        TooLargeError: If it does.
    """
    if len(body) <= _CHEAP_TO_PARSE:
        return
    limit = max(MAX_VALUES, max_response_bytes // BYTES_PER_VALUE)
    # A separator is before each value but the first. This takes a few percent of the time of parsing.
    if len(body) - len(body.translate(None, b",:[{")) < limit:
        return
    # Some may be within strings: now they are counted exactly, up to the limit. The end of the body matches twice.
    if sum(1 for _ in islice(_to_separator().finditer(body), limit + 2)) > limit + 1:
        raise TooLargeError(
            f"the body has more than {limit:,} JSON values, which take too much memory."
            f" A larger max_response_bytes allows more: one value for each {BYTES_PER_VALUE} bytes"
        )


@cache
def _to_separator() -> re.Pattern[bytes]:
    """Return what matches up to the next separator, or to the end.

    A string is skipped whole. The quantifiers are possessive, so that no body makes the search go back or take memory.
    """
    return re.compile(rb'(?:[^,:\[{"]++|"(?:[^"\\]++|\\.)*+"?)*+(?:[,:\[{]|\Z)', re.DOTALL)

"""JSON bodies: how they are read, bounds on what they may cost, and type guards."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any, TypeGuard

from pydantic_core import from_json

#: The most values of a JSON document, the names of members included, with the default `max_response_bytes`.
MAX_VALUES = 1024 * 1024
#: With a larger `max_response_bytes`, one value for each so many bytes.
BYTES_PER_VALUE = 64
# Whatever is in a smaller body, parsing it takes little: an array or an object has three bytes at least.
_CHEAP_TO_PARSE = 3 * MAX_VALUES
# A second reading takes up to 13 times the size of a body, so that a larger one isn't read again.
_MOST_READ_TWICE = 16 * 1024 * 1024


class DecompressionError(ValueError):
    """A body isn't what its Content-Encoding says."""


class TooLargeError(ValueError):
    """A body is larger than `max_response_bytes`, or has more JSON values than that allows."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded JSON value is an array."""
    return isinstance(value, list)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body with its content encoding undone: gzip, the only one that requests accept.

    Args:
        body: The body as received.
        encoding: The `Content-Encoding` header.
        limit: The largest result, in bytes.

    Raises:
        DecompressionError: If the body isn't what the encoding says, or the encoding isn't known.
        TooLargeError: If the result is larger than the limit.
    """
    name = encoding.strip().lower()
    if name in ("", "identity") or not body:
        return body
    if name not in ("gzip", "x-gzip"):
        raise DecompressionError(f"the content encoding {name[:40]!r} was not requested and cannot be decoded")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        result = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise DecompressionError(f"the body cannot be decompressed: {error}") from None
    if len(result) > limit:
        raise TooLargeError(f"the body is larger than {limit} bytes when decompressed")
    if not inflater.eof:
        raise DecompressionError("the compressed body is truncated")
    if inflater.unused_data:
        raise DecompressionError("the body cannot be decompressed: there is data after its end")
    return result


def parse_json(body: bytes) -> Any:
    """Return a JSON body as Python objects.

    What Pydantic refuses and other programs write is read a second time, in a slower way: a byte order mark is skipped,
    and half of a surrogate pair becomes U+FFFD.

    Raises:
        ValueError: If it isn't JSON, or has more than 200 levels.
    """
    try:
        return from_json(body)
    except ValueError:
        if len(body) <= _MOST_READ_TWICE:
            import json  # nearly all bodies are read without it

            with suppress(ValueError, RecursionError):
                text = json.dumps(json.loads(body), ensure_ascii=False)
                # Pydantic reads the result, so that its bound on the levels holds.
                return from_json(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        raise


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

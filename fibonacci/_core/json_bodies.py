"""JSON bodies: how they are read, bounds on what they may cost, and type guards."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, TypeGuard

from pydantic_core import from_json

_STEP = 64 * 1024
_FIRST_STEP = 512
# A gzip body may have several members, but a legitimate one never has so many.
_MOST_MEMBERS = 10_000
#: The most values of a JSON document, the names of members included, with the default `max_response_bytes`.
MAX_VALUES = 1024 * 1024
#: With a larger `max_response_bytes`, one value for each so many bytes.
BYTES_PER_VALUE = 64
# Whatever is in a smaller body, parsing it takes little: an array or an object has three bytes at least.
_CHEAP_TO_PARSE = 3 * MAX_VALUES
# Neither Pydantic nor, by default, Python reads a longer integer.
_MOST_DIGITS = 4300
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


def accepted() -> str:
    """Return the `Accept-Encoding` header: the encodings that can be undone with a bound on the result."""
    return "gzip, deflate, br" if bounded_brotli() else "gzip, deflate"


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body with its content encodings undone.

    Args:
        body: The body as received.
        encoding: The `Content-Encoding` header. Empty for none.
        limit: The largest result, in bytes.

    Raises:
        DecompressionError: If the body isn't what the encoding says, or the encoding isn't known.
        TooLargeError: If the result is larger than the limit.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("gzip", "x-gzip"):
            body = _inflate(body, 16 + zlib.MAX_WBITS, limit)
        elif name == "deflate":
            # Servers disagree on whether deflate means with or without zlib's frame. The first byte tells.
            framed = body[:1] and body[0] & 0x0F == 8
            body = _inflate(body, zlib.MAX_WBITS if framed else -zlib.MAX_WBITS, limit)
        elif name == "br" and bounded_brotli():
            body = _unbrotli(body, limit)
        elif name not in ("", "identity"):
            raise DecompressionError(f"the content encoding {name[:40]!r} was not requested and cannot be decoded")
    return body


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    size = position = members = 0
    view = memoryview(body)
    while position < len(view):  # gzip allows several members, one after another
        members += 1
        if members > _MOST_MEMBERS:
            raise DecompressionError(f"the compressed body has more than {_MOST_MEMBERS} parts")
        inflater = zlib.decompressobj(window)
        # zlib copies the input that it does not use, so it gets little at a time: at first very little, for the next
        # member may begin soon.
        step = _FIRST_STEP
        try:
            while not inflater.eof:
                piece: bytes | memoryview = inflater.unconsumed_tail
                if not piece:
                    piece = view[position : position + step]
                    position += len(piece)
                    step = min(step * 2, _STEP)
                part = inflater.decompress(piece, _STEP)
                size += len(part)
                if size > limit:
                    raise TooLargeError(f"the body is larger than {limit} bytes when decompressed")
                if not part and not piece:
                    raise DecompressionError("the compressed body is truncated")
                parts.append(part)
        except zlib.error as error:
            raise DecompressionError(f"the body cannot be decompressed: {error}") from None
        position -= len(inflater.unused_data)
        if window <= zlib.MAX_WBITS:
            break
    return b"".join(parts)


@cache
def bounded_brotli() -> Any:
    """Return the module brotli when it is installed and can bound its result, as from 1.2, otherwise None."""
    try:
        module: Any = import_module("brotli")  # it brings no types
    except ImportError:
        return None
    return module if hasattr(module.Decompressor, "can_accept_more_data") else None


def _unbrotli(body: bytes, limit: int) -> bytes:
    brotli = bounded_brotli()
    decompressor = brotli.Decompressor()
    parts: list[bytes] = []
    size = position = 0
    view = memoryview(body)
    try:
        while view and not decompressor.is_finished():
            # brotli copies unused input too, and accepts no more until that is used up.
            piece = view[position : position + _STEP] if decompressor.can_accept_more_data() else view[:0]
            position += len(piece)
            part: bytes = decompressor.process(piece, output_buffer_limit=_STEP)
            size += len(part)
            if size > limit:
                raise TooLargeError(f"the body is larger than {limit} bytes when decompressed")
            if not part and not piece:
                raise DecompressionError("the compressed body is truncated")
            parts.append(part)
    except brotli.error as error:
        raise DecompressionError(f"the body cannot be decompressed: {error}") from None
    if position < len(view):
        raise DecompressionError("the body cannot be decompressed: there is data after its end")
    return b"".join(parts)


def parse_json(body: bytes) -> Any:
    """Return a JSON body as Python objects.

    What Pydantic refuses and other programs write is read a second time, in a slower way: a byte order mark is skipped,
    half of a surrogate pair becomes U+FFFD, and an integer of more than 4,300 digits remains text.

    Raises:
        ValueError: If it isn't JSON, or has more than 200 levels.
    """
    try:
        return from_json(body)
    except ValueError:
        if len(body) <= _MOST_READ_TWICE:
            import json  # nearly all bodies are read without it

            with suppress(ValueError, RecursionError):
                text = json.dumps(json.loads(body, parse_int=_int_or_text), ensure_ascii=False)
                # Pydantic reads the result, so that its bound on the levels holds.
                return from_json(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        raise


def _int_or_text(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


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

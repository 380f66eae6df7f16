"""Messages that are none of the protocol: each gets an answer, or its client would wait for one until it gives up."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, Final

from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from pydantic_core import from_json

from fibonacci._core.json_bodies import is_array, is_object
from fibonacci._text import is_unicode

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]|[^"\[\]{}]+', re.DOTALL)


def refusal_of(message: bytes) -> JSONRPCError | None:
    """Return the answer to a message that isn't of the protocol, or None if it is, or asks for no answer.

    The answer has the ID of the request wherever that can be read: a client that gets another one waits on.

    Args:
        message: One message, as it was sent.
    """
    try:
        content = from_json(message)
    except ValueError as error:
        return _refusal(
            PARSE_ERROR,
            f"The message cannot be read as JSON: {error}. Send one object in UTF-8, of at most 200 levels, with whole"
            " surrogate pairs and numbers of at most 4,300 digits",
            _envelope(message),
        )
    with suppress(ValidationError):
        read = jsonrpc_message_adapter.validate_python(content, by_name=False)
        if not (isinstance(read, JSONRPCNotification) and "id" in content):  # an id of another type would be ignored
            return None
    if is_array(content):
        return _refusal(INVALID_REQUEST, "The protocol has no batches: send one request at a time", None)
    has_method = is_object(content) and content.get("jsonrpc") == "2.0" and isinstance(content.get("method"), str)
    if has_method and "id" not in content:
        return None  # a notification, which is never answered
    if has_method and _id_of(content) is not None:
        return _refusal(INVALID_PARAMS, "params must be an object", content)
    return _refusal(
        INVALID_REQUEST,
        'A request must be an object with "jsonrpc": "2.0", a method, and an id that is a string or an integer',
        content,
    )


def _refusal(code: int, message: str, request: object) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=_id_of(request), error=ErrorData(code=code, message=message))


def _id_of(request: object) -> str | int | None:
    """Return the ID of a request, or None if it has none, or is none: the IDs of responses are the server's own."""
    request_id = request.get("id") if is_object(request) and "method" in request else None
    if isinstance(request_id, str):
        return request_id if is_unicode(request_id) else None
    return request_id if isinstance(request_id, int) and not isinstance(request_id, bool) else None


def _envelope(message: bytes) -> Any:
    """Return the object of a message that cannot be read whole, with 0 for nested values, or None without one."""
    kept: list[str] = []
    depth = 0
    for token in _TOKEN.findall(message.decode("utf-8", "replace")):
        if token in ("]", "}"):
            depth -= 1
            kept.append(token if depth == 0 else "")
        elif token in ("[", "{"):
            kept.append((token, "0", "")[min(depth, 2)])
            depth += 1
        elif depth < 2:
            kept.append(token)
    try:
        return json.loads("".join(kept))
    except ValueError:
        return None

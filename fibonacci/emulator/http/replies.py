"""The documented shapes of an answer: full envelope, data without meta, bare object, page, nothing, and error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fibonacci.emulator.http.errors import HTTPException

Shape = Literal["full", "data", "bare", "page", "empty"]

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers, before it becomes bytes.

    Attributes:
        content: What is answered.
        shape: Its envelope.
        status: The HTTP status.
        next_cursor: Where the next page begins.
        later: Waits a moment, outside of the transaction, for a better answer; `None` when none will come.
    """

    content: Any
    shape: Shape = "full"
    status: int = 200
    next_cursor: str | None = None
    later: Callable[[], Reply] | None = None


def created(content: Any) -> Reply:
    """Answer something new in the full envelope."""
    return Reply(content, status=201)


def data_only(content: Any, later: Callable[[], Reply] | None = None) -> Reply:
    """Answer an envelope without `meta`, as executing a workflow does."""
    return Reply(content, "data", later=later)


def bare(content: Any) -> Reply:
    """Answer an object without any envelope."""
    return Reply(content, "bare")


def page(items: Sequence[Any], next_cursor: str | None) -> Reply:
    """Answer one page of a list."""
    return Reply(items, "page", next_cursor=next_cursor)


def no_content() -> Reply:
    """Answer nothing, as a deletion does."""
    return Reply(None, "empty", 204)


def encode(reply: Reply, request_id: str) -> bytes:
    """Write a reply as the body of its response."""
    match reply.shape:
        case "full":
            return to_json({"data": reply.content, "meta": {"request_id": request_id}})
        case "page":
            meta = {"request_id": request_id, "next_cursor": reply.next_cursor}
            return to_json({"data": reply.content, "meta": meta})
        case "data":
            return to_json({"data": reply.content})
        case "bare":
            return to_json(reply.content)
        case "empty":
            return b""


def encode_error(error: HTTPException) -> bytes:
    """Write an error as the body of its response."""
    details = [{"field": detail.field, "message": detail.message} for detail in error.details]
    return to_json({"error": {"code": error.code, "message": error.message, "details": details}})


def to_json(content: Any) -> bytes:
    """Write JSON compactly; everything outside ASCII is escaped, so lone surrogates do no harm."""
    return _ENCODE(content).encode("ascii")

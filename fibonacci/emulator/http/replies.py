"""What handlers return, and the documented envelopes around it: full, data without meta, page, error, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.state.json_encoding import to_json

Envelope = Literal["full", "data", "bare", "page", "encoded", "empty"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of a response, not encoded yet.

    Attributes:
        content: The content, any JSON; with the envelope `encoded`, its bytes.
        envelope: The envelope around it.
        status: The HTTP status.
        next_cursor: The cursor of the next page; `None` on the last.
        later: Waits a moment, outside of the transaction, for a more recent reply; `None` if none will come.
    """

    content: Any
    envelope: Envelope = "full"
    status: int = 200
    next_cursor: str | None = None
    later: Callable[[], Reply] | None = None


def created(content: Any) -> Reply:
    """Return a 201 in the full envelope."""
    return Reply(content, status=201)


def data_only(content: Any) -> Reply:
    """Return a reply in the envelope without `meta`, as executing a workflow has it."""
    return Reply(content, "data")


def bare(content: Any, status: int = 200) -> Reply:
    """Return a reply without an envelope."""
    return Reply(content, "bare", status)


def encoded_json(content: bytes) -> Reply:
    """Return a reply of JSON that is encoded already, without an envelope."""
    return Reply(content, "encoded")


def page(items: Sequence[Any], next_cursor: str | None) -> Reply:
    """Return one page of a list."""
    return Reply(items, "page", next_cursor=next_cursor)


def no_content() -> Reply:
    """Return a 204."""
    return Reply(None, "empty", 204)


def encode(reply: Reply, request_id: str) -> bytes:
    """Encode a reply as the body of its response."""
    match reply.envelope:
        case "full":
            return to_json({"data": reply.content, "meta": {"request_id": request_id}})
        case "page":
            meta = {"request_id": request_id, "next_cursor": reply.next_cursor}
            return to_json({"data": reply.content, "meta": meta})
        case "data":
            return to_json({"data": reply.content})
        case "bare":
            return to_json(reply.content)
        case "encoded":
            body: bytes = reply.content
            return body
        case "empty":
            return b""


def encode_error(error: HTTPException) -> bytes:
    """Encode an error as the body of its response."""
    details = [{"field": detail.field, "message": detail.message} for detail in error.details]
    return to_json({"error": {"code": error.code, "message": error.message, "details": details}})

"""Responses as the rules of the client see them."""

from __future__ import annotations

from collections.abc import Mapping

from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import APIResponse
from tests.kit.clock import START


def api_response(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, limit: int = 1_000_000
) -> APIResponse:
    """Return a response; without headers it is JSON."""
    fields = {"content-type": "application/json"} if headers is None else headers
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    return APIResponse(HTTPResponse(status=status, headers=raw, body=body), received_at=START, limit=limit)

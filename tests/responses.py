"""Answers made by hand, for the tests of what is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from fibonacci._core.messages import HTTPResponse
from fibonacci._core.response import APIResponse
from fibonacci.models import Headers, ResponseInfo
from fibonacci.models._base import Model, attach_response
from tests.kit.clock import START

M = TypeVar("M", bound=Model)


def info(
    *, status_code: int = 200, request_id: str | None = "req_1", headers: Iterable[tuple[str, str]] = ()
) -> ResponseInfo:
    """The HTTP side of an answer."""
    return ResponseInfo(status_code, request_id, Headers(headers), None, 1, 0.1)


def received(model: M, *, status_code: int = 200) -> M:
    """A model as if it had come in an answer."""
    attach_response([model], info(status_code=status_code))
    return model


def answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, limit: int = 1_000_000
) -> APIResponse:
    """An answer as the rules of the client see it."""
    fields = {"content-type": "application/json"} if headers is None else headers
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    return APIResponse(HTTPResponse(status, raw, body), received_at=START, limit=limit)

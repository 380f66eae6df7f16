"""Models as if they had come in a response."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fibonacci.models import Headers, ResponseInfo
from fibonacci.models._base import Model, attach_response

M = TypeVar("M", bound=Model)


def info(
    *, status_code: int = 200, request_id: str | None = "req_1", headers: Iterable[tuple[str, str]] = ()
) -> ResponseInfo:
    """Return what a response says beside its data."""
    return ResponseInfo(
        status_code=status_code,
        request_id=request_id,
        headers=Headers(headers),
        rate_limit=None,
        attempts=1,
        elapsed=0.1,
    )


def received(model: M, *, status_code: int = 200) -> M:
    """Return a model as if it had come in a response."""
    attach_response([model], info(status_code=status_code))
    return model

"""Requests without credentials: those in headers, and the parameters by which a tool is connected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.redaction import REDACTED
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import segments_of
from fibonacci.emulator.state.json_encoding import to_json

CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""The headers that no record and no page shows, in lower case."""


def without_secrets(request: ServerRequest) -> ServerRequest:
    """Return a request with each value in its body replaced, if it is one of tools; else the request itself.

    Only connecting a tool has a body there. A request with a misspelled path below `/tools` has secrets all the same.
    """
    target = request.target.lower()  # a path in other case leads nowhere, with the same secrets
    if not request.body or ("tools" not in target and "%" not in target) or not _is_of_tools(target):
        return request
    try:
        body = to_json(_redacted(read_json(request.body)))
    except HTTPException:
        body = REDACTED.encode()
    return replace(request, body=body)


def _is_of_tools(target: str) -> bool:
    try:
        return "tools" in [segment.lower() for segment in segments_of(target.partition("?")[0])[:2]]
    except HTTPException:
        return True  # it cannot be decoded: nobody can say what it is of


def _redacted(value: Any) -> Any:
    if is_object(value):
        return {name: _redacted(inner) for name, inner in value.items()}
    if is_array(value):
        return [_redacted(inner) for inner in value]
    return REDACTED

"""Requests without credentials: those in headers, and the parameters by which a tool is connected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fibonacci.definitions.json_types import is_array, is_object
from fibonacci.emulator.engine.redaction import REDACTED
from fibonacci.emulator.http.bodies import read_json
from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.messages import ServerRequest
from fibonacci.emulator.http.router import API_0_2, segments_of
from fibonacci.emulator.state.json_encoding import to_json

CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""The headers that no record and no page shows, in lower case."""


def without_secrets(request: ServerRequest) -> ServerRequest:
    """Return a request with each value in its body replaced, if it is one of tools; else the request itself.

    Only connecting a tool has a body there. A request with a misspelled path below `/tools` has secrets all the same.
    In the API of 0.2, a login and a key have secrets too, and those of a run are replaced.
    """
    target = request.target.lower()  # a path in other case leads nowhere, with the same secrets
    is_of_workflows = f"{API_0_2}workflows/" in target
    if not request.body or not (is_of_workflows or _is_secret(target)):
        return request
    try:
        content = read_json(request.body)
    except HTTPException:
        return replace(request, body=REDACTED.encode())
    if not is_of_workflows:
        return replace(request, body=to_json(_redacted(content)))
    if not is_object(content) or "secrets" not in content:
        return request
    return replace(request, body=to_json({**content, "secrets": _redacted(content["secrets"])}))


def _is_secret(target: str) -> bool:
    _, is_of_0_2, path = target.partition(API_0_2)  # below a base URL that has a path too many, nothing is found
    if is_of_0_2:
        return not path.startswith(("workflows", "memory"))
    return ("tools" in target or "%" in target) and _is_of_tools(target)


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

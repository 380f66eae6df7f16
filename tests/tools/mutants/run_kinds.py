"""What a mutant does wrong when it executes a workflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fibonacci.transports import HTTPRequest, HTTPResponse
from tests.tools.mutants.messages import (
    Change,
    JSONObject,
    Send,
    body_object,
    is_success,
    json_of,
    path_below,
    read_path,
    with_body,
    with_json,
)


def run_unapproved(governance: str, flags: JSONObject, applies: Callable[[JSONObject], bool]) -> Change:
    """Execute what has to wait for approval."""

    def running(request: HTTPRequest, send: Send) -> HTTPResponse:
        if not applies(_definition_of(request, send) or {}):
            return send(request)
        settings = json_of(read_path(request, send, governance))
        patch = replace(request, method="PATCH", target=f"/v1{governance}")
        send(with_body(patch, flags))
        response = send(request)
        send(with_body(patch, settings))
        return response

    return running


def run_over_quota(quota: str, name: str) -> Change:
    """Execute what the quota of runs does not allow."""

    def running(request: HTTPRequest, send: Send) -> HTTPResponse:
        found = read_path(request, send, quota)
        if not is_success(found):  # the key is not known
            return send(request)
        overrides = json_of(found)["overrides"]
        patch = replace(request, method="PATCH", target=f"/v1{quota}")
        send(with_body(patch, {name: None}))
        response = send(request)
        send(with_body(patch, {name: overrides.get(name)}))
        return response

    return running


def refuse_empty_body() -> Change:
    """Refuse a body without inputs."""
    error: JSONObject = {"code": "validation_error", "message": "Invalid input", "details": [{"field": "inputs"}]}

    def refusing(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = send(request)
        is_refused = is_success(response) and json_of(request) == {}
        return with_json(response, {"error": error}, 422) if is_refused else response

    return refusing


def run_with(change: Callable[[JSONObject, Any], Any]) -> Change:
    """Take an input for something else."""

    def running(request: HTTPRequest, send: Send) -> HTTPResponse:
        definition, content = _definition_of(request, send), body_object(request)
        inputs = content.get("inputs")
        if definition is None or not isinstance(inputs, dict):
            return send(request)
        given: JSONObject = {**inputs}
        taken = {name: change(definition, value) for name, value in given.items()}
        return send(with_body(request, {**content, "inputs": taken}))

    return running


def _definition_of(request: HTTPRequest, send: Send) -> JSONObject | None:
    """Return the definition of the workflow that a request executes; None for none."""
    stored = read_path(request, send, path_below(request).removesuffix("/execute"))
    definition: JSONObject | None = json_of(stored)["data"]["definition"] if is_success(stored) else None
    return definition


def run_another(change: Callable[[JSONObject], JSONObject]) -> Change:
    """Execute a part of the definition as something else."""

    def running(request: HTTPRequest, send: Send) -> HTTPResponse:
        definition = _definition_of(request, send)
        if definition is None:
            return send(request)
        put = replace(request, method="PUT", target=request.target.removesuffix("/execute"))
        send(with_body(put, {"definition": change(definition)}))
        response = send(request)
        send(with_body(put, {"definition": definition}))
        return response

    return running

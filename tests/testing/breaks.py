"""Faulty behaviors of the emulator: each wraps the app's handler."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fibonacci.emulator.http.messages import ServerRequest, ServerResponse

API_KEY = "fib-suite"

Handler = Callable[[ServerRequest], ServerResponse]
Break = Callable[[ServerRequest, Handler], ServerResponse]


def is_for(request: ServerRequest, method: str, end: str) -> bool:
    """Tell whether a request has a method and the end of a path."""
    return request.method == method and urlsplit(request.target).path.endswith(end)


def changed(response: ServerResponse, change: Callable[[Any], Any]) -> ServerResponse:
    """Return a response with changed JSON."""
    body = json.dumps(change(json.loads(response.body))).encode()
    kept = [(name, value) for name, value in response.headers if name.lower() != "content-length"]
    return replace(response, body=body, headers=[*kept, ("Content-Length", str(len(body)))])


def no_request_id(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if b'"meta"' not in response.body:
        return response
    return changed(response, lambda content: {**content, "meta": {**content["meta"], "request_id": None}})


def details_are_an_object(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if response.status != 404 or request.method != "GET":
        return response
    return changed(response, lambda content: {"error": {**content["error"], "details": {}}})


def reset_is_no_number(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    rest = [(name, value) for name, value in response.headers if name != "X-RateLimit-Reset"]
    return replace(response, headers=[*rest, ("X-RateLimit-Reset", "soon")])


def every_key_is_accepted(request: ServerRequest, handle: Handler) -> ServerResponse:
    return handle(replace(request, headers={**request.headers, "authorization": f"Bearer {API_KEY}"}))


def execute_has_meta(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if response.status != 200 or not is_for(request, "POST", "/execute"):
        return response
    return changed(response, lambda content: {**content, "meta": {"request_id": "req_1"}})


def no_failed_nodes(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if response.status != 200 or not is_for(request, "POST", "/execute"):
        return response
    rest = "execution_id", "status", "outputs", "duration_ms", "nodes_executed"
    return changed(response, lambda content: {"data": {name: content["data"][name] for name in rest}})


def update_drops_the_description(request: ServerRequest, handle: Handler) -> ServerResponse:
    if request.method != "PUT" or "/workflows/" not in request.target:
        return handle(request)
    return handle(replace(request, body=json.dumps({"description": None, **json.loads(request.body)}).encode()))


def delete_does_nothing(request: ServerRequest, handle: Handler) -> ServerResponse:
    if request.method != "DELETE" or "/tool-policies/" not in request.target:
        return handle(request)
    return replace(handle(replace(request, method="PATCH", body=b"{}")), status=204, body=b"", headers=[])


def archived_are_shown(request: ServerRequest, handle: Handler) -> ServerResponse:
    if not is_for(request, "GET", "/workflow-registry"):
        return handle(request)
    return handle(replace(request, target="/v1/workflow-registry?include_archived=true"))


def scopes_are_shared(request: ServerRequest, handle: Handler) -> ServerResponse:
    if request.method == "GET" and "/memory/" in request.target:
        return handle(replace(request, target=request.target.replace("suite-2", "suite-1")))
    return handle(request)


def governance_in_an_envelope(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    return changed(response, lambda content: {"data": content}) if is_for(request, "GET", "/governance") else response


def overrides_are_ineffective(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if response.status != 200 or not is_for(request, "PATCH", "/quota"):
        return response
    return changed(response, lambda content: {**content, "effective": content["limits"]})


def unknown_tools_are_400(request: ServerRequest, handle: Handler) -> ServerResponse:
    response = handle(request)
    if response.status != 422 or not is_for(request, "POST", "/tool-policies"):
        return response
    return replace(response, status=400)


def limit_is_ignored(request: ServerRequest, handle: Handler) -> ServerResponse:
    return handle(replace(request, target=request.target.replace("limit=1", "limit=100")))


BREAKS: dict[Break, set[str]] = {
    no_request_id: {"basics.success", "tools.connect", "workflows.created_shape"},
    details_are_an_object: {"basics.error"},
    reset_is_no_number: {"basics.reset", "basics.read_by_the_client"},
    every_key_is_accepted: {"basics.no_key", "basics.wrong_key"},
    execute_has_meta: {"workflows.executed_shape"},
    no_failed_nodes: {"workflows.executed_fields", "workflows.completed"},
    update_drops_the_description: {"workflows.updated"},
    delete_does_nothing: {"tool_policies.deleted"},
    archived_are_shown: {"registry.hidden"},
    scopes_are_shared: {"memory.scopes"},
    governance_in_an_envelope: {"governance.settings"},
    overrides_are_ineffective: {"quota.overridden"},
    unknown_tools_are_400: {"tool_policies.unknown_tool"},
    limit_is_ignored: {"paging.limit"},
}
"""The checks that detect each fault, by file and function: these and no others."""

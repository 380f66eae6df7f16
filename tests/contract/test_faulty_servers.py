"""Each of these servers has one fault, and the contract suite names it.

They are faults below the routes. `tests.tools.mutants` has those that a change of the emulator's source makes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fibonacci._core.json_bodies import is_array, is_object
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.serving.in_process import InProcessTransport
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.contract.suite.check import run
from tests.contract.suite.checks import ALL
from tests.tools.mutants.serving import server_of

OWNER = "fib-owner"
Send = Callable[[HTTPRequest], HTTPResponse]
Fault = Callable[[HTTPRequest, Send], HTTPResponse]


class FaultyTransport:
    """Reaches an emulator through something that changes requests or responses.

    Args:
        emulator: The emulator.
        fault: The change.
    """

    def __init__(self, emulator: Emulator, fault: Fault) -> None:
        self._inner = InProcessTransport(app_of(emulator))
        self._fault = fault

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        return self._fault(request, lambda changed: self._inner.send(changed, deadline))

    def close(self) -> None:
        self._inner.close()


def with_json(response: HTTPResponse, content: Any, status: int = 0) -> HTTPResponse:
    body = json.dumps(content).encode()
    headers = [(name, value) for name, value in response.headers if name.lower() != b"content-length"]
    return replace(response, status=status or response.status, headers=headers, body=body)


def in_json(change: Callable[[str, Any], Any], target: str = "", status: int = 0) -> Fault:
    """Return a fault that changes values by their names, at any depth of the responses to some requests."""

    def changed(name: str, value: Any) -> Any:
        if is_object(value):
            value = {key: changed(key, entry) for key, entry in value.items()}
        elif is_array(value):
            value = [changed(name, entry) for entry in value]
        return change(name, value)

    def fault(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = send(request)
        if not response.body or not re.search(target, f"{request.method} {request.target}"):
            return response
        if response.status == status or (not status and response.status < 300):
            return with_json(response, changed("", json.loads(response.body)))
        return response

    return fault


def in_objects(change: Callable[[dict[str, Any]], dict[str, Any]], target: str = "") -> Fault:
    """Return a fault that changes every object, at any depth."""
    return in_json(lambda _, value: change(value) if is_object(value) else value, target)


def without_headers(*names: str) -> Fault:
    """Return a fault that neither passes these headers on nor sends them."""

    def left(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in headers if name.decode().lower() not in names]

    def fault(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = send(replace(request, headers=left([*request.headers])))
        return replace(response, headers=left([*response.headers]))

    return fault


def with_status(status: int, other: int) -> Fault:
    """Return a fault that answers with another status."""

    def fault(request: HTTPRequest, send: Send) -> HTTPResponse:
        response = send(request)
        return replace(response, status=other) if response.status == status else response

    return fault


def without_parameter(name: str) -> Fault:
    """Return a fault that does not see a parameter of the query."""
    return lambda request, send: send(replace(request, target=re.sub(rf"(?<=[?&]){name}=[^&]*&?", "", request.target)))


def as_owner(request: HTTPRequest, send: Send) -> HTTPResponse:
    kept = [(name, value) for name, value in request.headers if name.lower() != b"authorization"]
    return send(replace(request, headers=[*kept, (b"authorization", f"Bearer {OWNER}".encode())]))


def data_alone(name: str, value: Any) -> Any:
    return value["data"] if name == "" and is_object(value) and "data" in value else value


FAULTS: list[tuple[str, Callable[[], Fault], set[str]]] = [
    (
        "there is no request id",
        lambda: in_json(lambda name, value: {} if name == "meta" else value),
        {"basics.own_request_ids", "every_endpoint.response_get_tools"},
    ),
    (
        "there is no envelope",
        lambda: in_json(data_alone),
        {"basics.own_request_ids", "every_endpoint.response_get_workflows_workflow_id"},
    ),
    ("a 422 is a 400", lambda: with_status(422, 400), {"refusals.invalid_bodies_post_workflows", "paging.limits"}),
    ("a 404 is a 403", lambda: with_status(404, 403), {"lives.workflow", "refusals.unknown_get_workflows_workflow_id"}),
    (
        "every key may do everything",
        lambda: as_owner,
        {
            "basics.wrong_key",
            "every_endpoint.key_get_tools",
            "roles.may_member_post_workflows_workflow_id_versions_version_rollback",
        },
    ),
    (
        "pages lack their last item",
        lambda: in_json(lambda name, value: value[:-1] if name == "data" and is_array(value) else value),
        {"paging.pages_of_get_workflows", "paging.pages_of_get_executions"},
    ),
    ("limit is ignored", lambda: without_parameter("limit"), {"paging.pages_of_get_workflows", "paging.limits"}),
    (
        "fallback is lost",
        lambda: in_objects(lambda item: {name: value for name, value in item.items() if name != "fallback"}),
        {"definitions.every_field"},
    ),
]
"""What a server does, and the checks that say so, which may be among others."""


def outcomes(fault: Fault, names: set[str] | None = None) -> dict[str, str]:
    """Return the outcomes of the checks that do not agree, of all or of some."""
    emulator = Emulator(api_key=OWNER)
    server = server_of(emulator, FaultyTransport(emulator, fault))
    checks = [check for check in ALL if names is None or check.name in names]
    return {result.check.name: result.outcome for result in run(checks, server) if result.outcome != "agrees"}


@pytest.mark.parametrize(("fault", "names"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_detected_by_these_checks(fault: Callable[[], Fault], names: set[str]) -> None:
    assert outcomes(fault(), names) == dict.fromkeys(names, "disagrees")


def test_what_a_server_need_not_have_is_reported_and_is_no_fault() -> None:
    missing = without_headers("idempotency-key", "retry-after", "x-request-id")
    names = ("basics.idempotency_key", "quota.runs_an_hour", "basics.request_id_without_meta")
    assert outcomes(missing) == dict.fromkeys(names, "not honored")

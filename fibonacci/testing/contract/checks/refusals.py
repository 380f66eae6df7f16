"""What endpoints refuse: unknown objects, and input that is not valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fibonacci.testing.contract.calls import first_tools, new_policy, new_workflow
from fibonacci.testing.contract.check import Checks, require, require_equal
from fibonacci.testing.contract.checks.common import UNKNOWN, named, require_refusal
from fibonacci.testing.contract.server import RawResponse, Server

NO_BODY: Final = object()

UNKNOWN_OBJECTS: Final[list[tuple[str, Any]]] = [
    ("GET /workflows/{id}", NO_BODY),
    ("PUT /workflows/{id}", {"name": "Changed"}),
    ("DELETE /workflows/{id}", NO_BODY),
    ("POST /workflows/{id}/execute", {}),
    ("GET /executions/{id}", NO_BODY),
    ("POST /executions/{id}/cancel", NO_BODY),
    ("GET /workflows/{id}/versions", NO_BODY),
    ("GET /workflows/{id}/versions/{version}", NO_BODY),
    ("POST /workflows/{id}/versions/{version}/rollback", NO_BODY),
    ("POST /workflow-registry/{id}/approve-template", NO_BODY),
    ("POST /workflow-registry/{id}/deprecate", NO_BODY),
    ("POST /workflow-registry/{id}/archive", NO_BODY),
    ("PATCH /organizations/{organization_id}/tool-policies/{tool_name}", {"enabled": True}),
    ("DELETE /organizations/{organization_id}/tool-policies/{tool_name}", NO_BODY),
    ("GET /memory/{key}", NO_BODY),
    ("DELETE /memory/{key}", NO_BODY),
    ("GET /tools/{tool_name}", NO_BODY),
    ("POST /tools/{tool_name}/connect", {}),
]
"""The endpoints of one object, and the body of a call that would succeed if the object existed."""


def _workflow(server: Server) -> str:
    return f"/workflows/{new_workflow(server)}"


INVALID: Final[list[tuple[str, Callable[[Server], str], Any]]] = [
    ("POST /workflows", lambda _: "/workflows", {"name": 7}),
    ("PUT /workflows/{id}", _workflow, {"name": 7}),
    ("POST /workflows/{id}/execute", lambda server: f"{_workflow(server)}/execute", {"inputs": 7}),
    ("PATCH /organizations/{organization_id}/governance",
        lambda server: server.path("governance"), {"approval_threshold": "many"}),
    ("PATCH /organizations/{organization_id}/quota", lambda server: server.path("quota"), {"memory_mb": "much"}),
    ("POST /organizations/{organization_id}/tool-policies",
        lambda server: server.path("tool-policies"), {"tool_name": 7}),
    ("PATCH /organizations/{organization_id}/tool-policies/{tool_name}",
        lambda server: server.path(f"tool-policies/{new_policy(server)}"), {"enabled": "perhaps"}),
    ("POST /organizations/{organization_id}/role-policy-overrides", lambda server: server.path("role-policy-overrides"),
        {"role": 7, "tool_name": 7}),
    ("PUT /memory/{key}", lambda server: f"/memory/{server.memory_key('invalid')}", {"value": 1, "ttl": "long"}),
    ("POST /tools/{tool_name}/connect", lambda server: f"/tools/{first_tools(server)[0]}/connect", [7]),
]  # fmt: skip
"""The endpoints with a body, the path of a call, and a body with a value of a wrong type."""

CHECKS: Final = Checks()


def _path_of(endpoint: str, server: Server) -> str:
    path = endpoint.partition(" ")[2].replace("{organization_id}", server.organization_id)
    for name in ("{id}", "{version}", "{tool_name}", "{key}"):
        path = path.replace(name, UNKNOWN)
    return path


def _unknown_check(endpoint: str, body: Any) -> Callable[[Server], None]:
    def unknown(server: Server) -> None:
        json_body = None if body is NO_BODY else body
        require_refusal(server.raw(endpoint.partition(" ")[0], _path_of(endpoint, server), json_body=json_body), 404)

    return named(unknown, endpoint)


def _invalid_check(endpoint: str, path: Callable[[Server], str], body: Any) -> Callable[[Server], None]:
    def invalid(server: Server) -> None:
        response = server.raw(endpoint.partition(" ")[0], path(server), json_body=body)
        _delete_what_was_created(server, endpoint, response)
        require_equal(require_refusal(response, 422)["code"], "validation_error", "error.code")

    return named(invalid, endpoint)


def _delete_what_was_created(server: Server, endpoint: str, response: RawResponse) -> None:
    if endpoint == "POST /workflows" and response.status in (200, 201):
        created: dict[str, Any] = response.json.get("data") or {}
        server.add_cleanup(server.client.workflows.delete, created.get("id") or UNKNOWN)


for _where, _content in UNKNOWN_OBJECTS:
    CHECKS.choice(
        _where,
        "An unknown object is refused with 404 and the documented error",
        changes=not _where.startswith("GET "),
    )(_unknown_check(_where, _content))

for _where, _place, _content in INVALID:
    CHECKS.documented(
        _where, "A value of a wrong type is refused with 422 and the code validation_error", changes=True
    )(_invalid_check(_where, _place, _content))


@CHECKS.choice("POST /workflows", "The details of a 422 say what is wrong, at every endpoint with a body", changes=True)
def _details(server: Server) -> None:
    for endpoint, path, body in INVALID:
        response = server.raw(endpoint.partition(" ")[0], path(server), json_body=body)
        require(require_refusal(response, 422)["details"], f"error.details of {endpoint} is empty")

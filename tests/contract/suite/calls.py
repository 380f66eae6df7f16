"""A call of every endpoint that succeeds, the shape of its response, and calls that are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fibonacci import ConflictError
from tests.contract.suite.check import require, require_type
from tests.contract.suite.server import CHEAP, Disagreement, RawResponse, Server, Skipped

Shape = Mapping[str, str]
"""The types of the fields, in the words of JSON Schema: `string|null`. That of a field that may be absent begins with
`?`. A required text is not empty."""

_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
_TIMES: Final = {"created_at": "?string|null", "updated_at": "?string|null"}
_TEXT: Final = "?string|null"

WORKFLOW: Final[Shape] = {
    "id": "string",
    "name": _TEXT,
    "description": _TEXT,
    "definition": "?object|null",
    "version": "?integer|string|null",
    "organization_id": _TEXT,
    "status": _TEXT,
    **_TIMES,
}
VERSION: Final[Shape] = {
    "version": "integer|string",
    "workflow_id": _TEXT,
    "name": _TEXT,
    "description": _TEXT,
    "definition": "?object|null",
    "created_at": _TEXT,
}
EXECUTION: Final[Shape] = {
    "execution_id": "string",
    "workflow_id": _TEXT,
    "status": "string",
    "outputs": "?object|null",
    "duration_ms": "?number|null",
    "nodes_executed": "?integer|null",
    "nodes_failed": "?integer|null",
    "trace": "?array|null",
    **_TIMES,
}
REGISTRY_ENTRY: Final[Shape] = {"workflow_id": "string", "name": _TEXT, "status": "string", **_TIMES}
GOVERNANCE: Final[Shape] = {
    "require_approval_for_external_comm": "boolean|null",
    "require_approval_for_public_writes": "boolean|null",
    "require_approval_for_permission_changes": "boolean|null",
    "allow_self_approval": "boolean|null",
    "approval_threshold": "integer|null",
    "category_flags": "object|null",
}
APPROVALS: Final[Shape] = dict.fromkeys(
    ("pending", "approved", "rejected", "expired", "cancelled", "total"), "?integer|null"
)
QUOTA: Final[Shape] = {"plan": "string|null", **dict.fromkeys(("limits", "overrides", "effective"), "object|null")}
TOOL_POLICY: Final[Shape] = {
    "tool_name": "string",
    "enabled": "?boolean|null",
    "allowed_roles": "?array|null",
    **_TIMES,
}
ROLE_OVERRIDE: Final[Shape] = {"role": "string", "tool_name": "string", "enabled": "boolean", **_TIMES}
MEMORY_ENTRY: Final[Shape] = {
    "key": _TEXT,
    "value": "",
    "scope": _TEXT,
    "user_id": _TEXT,
    "workflow_id": _TEXT,
    "ttl": "?number|null",
    "expires_at": _TEXT,
    **_TIMES,
}
TOOL: Final[Shape] = {"name": "string", "description": "string|null"}
TOOL_CONNECTION: Final[Shape] = {"name": _TEXT, "status": _TEXT}
HEALTH: Final[Shape] = {"status": "string|null"}
SECRETS_HEALTH: Final[Shape] = {"status": "string|null", "backend": "string|null", "checks": "object|null"}
OPEN: Final[Shape] = {}
"""An object whose fields are not documented."""


def require_shape(value: Any, shape: Shape, what: str) -> None:
    """Raise `Disagreement` unless a value is an object of a shape. It may have other fields.

    Args:
        value: The value in the response.
        shape: The shape.
        what: The name of the value, for the message.
    """
    require_type(value, dict, what)
    for name, kinds in shape.items():
        if name in value:
            _require_field(value[name], kinds, f"{what}.{name}")
        else:
            require(kinds.startswith("?"), f"{what} has no {name}: it has {', '.join(value) or 'no fields'}")


def _require_field(value: object, kinds: str, what: str) -> None:
    allowed = kinds.removeprefix("?").split("|")
    if not kinds.removeprefix("?"):
        return
    for kind in allowed:
        try:
            require_type(value, _TYPES[kind], what)
        except Disagreement:
            continue
        require(value != "" or kinds.startswith("?"), f"{what} is empty")
        return
    raise Disagreement(f"{what} is {value!r}, not {' or '.join(allowed)}")


Envelope = Literal["full", "data", "bare", "page", "empty"]
Calling = Callable[[Server], RawResponse]

NAMED: Final[Mapping[str, Any]] = {"name": "Contract suite", "description": "Made by a check", "definition": CHEAP}
"""The body of a workflow."""

OVERRIDDEN: Final = 3
"""How many of the first tools the suite allows for the owner, by overrides that cannot be deleted."""


@dataclass(frozen=True, slots=True)
class EndpointCall:
    """A call of an endpoint that succeeds.

    Attributes:
        endpoint: The endpoint.
        envelope: The documented envelope: `{data, meta}`, `{data}`, none, `{data, meta}` with a list, or no content.
        shape: The shape of the object in it, or of each object of the list.
        call: Creates what is needed, and makes the call.
        creates: Whether it creates or changes anything.
    """

    endpoint: str
    envelope: Envelope
    shape: Shape
    call: Calling
    creates: bool = True


def new_workflow(server: Server) -> str:
    """Return the ID of a new workflow.

    Args:
        server: The server.
    """
    return server.create_workflow(description=NAMED["description"], definition=CHEAP).id


def new_execution(server: Server) -> str:
    """Return the ID of a new execution, which has ended.

    Args:
        server: The server.
    """
    return server.run_workflow().id


def first_tools(server: Server, count: int = 1) -> list[str]:
    """Return the names of the first tools.

    Args:
        server: The server.
        count: How many.

    Raises:
        Skipped: When there are fewer.
    """
    names = [tool.name for tool in next(iter(server.client.tools.list(page_size=10).pages()))][:count]
    if len(names) < count:
        raise Skipped(f"the catalog has fewer than {count} tools")
    return names


def free_tool(server: Server, besides: int = 0) -> str:
    """Return a tool without a policy, and delete the policy that the check creates for it.

    Args:
        server: The server.
        besides: How many of the first tools not to take.

    Raises:
        Skipped: When every tool has one.
    """
    policies = server.client.organizations.tool_policies
    taken = {policy.tool_name for policy in policies.list(server.organization_id)}
    for tool in list(server.client.tools.list())[besides:]:
        if tool.name not in taken:
            server.add_cleanup(policies.delete, server.organization_id, tool.name)
            return tool.name
    raise Skipped("every tool has a policy")


def new_policy(server: Server) -> str:
    """Return the tool of a new policy.

    Args:
        server: The server.
    """
    tool = free_tool(server)
    server.client.organizations.tool_policies.create(
        server.organization_id, tool_name=tool, enabled=True, allowed_roles=["owner", "admin"]
    )
    return tool


def ensure_overrides(server: Server) -> list[str]:
    """Let the owner use the first tools, and return their names. The API has no call that takes these overrides away.

    Args:
        server: The server.
    """
    tools = first_tools(server, OVERRIDDEN)
    for tool in tools:
        try:
            server.client.organizations.tool_policies.create_role_override(
                server.organization_id, role="owner", tool_name=tool, enabled=True
            )
        except ConflictError:  # from an earlier check
            continue
    return tools


def change_settings(server: Server, times: int = 1) -> int:
    """Change the governance settings, which are restored after the check, and return the last threshold.

    Args:
        server: The server.
        times: How often. Each makes an entry in the audit log.
    """
    governance = server.client.organizations.governance
    before = governance.get(server.organization_id).approval_threshold or 0
    server.add_cleanup(governance.update, server.organization_id, approval_threshold=before)
    for step in range(1, times + 1):
        governance.update(server.organization_id, approval_threshold=before + step)
    return before + times


def running(server: Server) -> str:
    """Return the ID of an execution that takes its time.

    Args:
        server: The server.

    Raises:
        Skipped: When there is no tool for it, or it has ended.
    """
    if "wait" not in [tool.name for tool in server.client.tools.list()]:
        raise Skipped("no tool takes long enough")
    first = {"id": "first", "type": "conditional", "left_value": "a", "operator": "equals", "right_value": "a"}
    wait = {"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 20}, "dependencies": ["first"]}
    made = server.create_workflow(definition={"nodes": [first, wait]})
    execution = server.client.workflows.execute(made.id)
    if execution.is_terminal:
        raise Skipped("it ended immediately")
    return execution.id


def _created(server: Server) -> RawResponse:
    response = server.raw("POST", "/workflows", json_body=NAMED)
    if response.status in (200, 201):
        data = response.json.get("data", {})
        server.add_cleanup(server.client.workflows.delete, data.get("id") or "contract-suite-unknown")
    return response


def _in_registry(server: Server, action: str) -> RawResponse:
    workflow_id = new_workflow(server)
    if action != "approve-template":
        server.client.registry.approve_template(workflow_id)
    return server.raw("POST", f"/workflow-registry/{workflow_id}/{action}")


def _registry_list(server: Server) -> RawResponse:
    server.client.registry.approve_template(new_workflow(server))
    return server.raw("GET", "/workflow-registry")


def _workflow_list(server: Server) -> RawResponse:
    new_workflow(server)
    return server.raw("GET", "/workflows")


def _execution_list(server: Server) -> RawResponse:
    new_execution(server)
    return server.raw("GET", "/executions")


def _settings_changed(server: Server) -> RawResponse:
    threshold = change_settings(server)
    return server.raw("PATCH", server.path("governance"), json_body={"approval_threshold": threshold})


def _audit(server: Server) -> RawResponse:
    change_settings(server)
    return server.raw("GET", server.path("governance/audit"))


def _quota_changed(server: Server) -> RawResponse:
    before = server.client.organizations.quota.get(server.organization_id).overrides.get("memory_mb")
    return server.raw("PATCH", server.path("quota"), json_body={"memory_mb": before})


def _policy_created(server: Server) -> RawResponse:
    body = {"tool_name": free_tool(server), "enabled": True, "allowed_roles": ["owner"]}
    return server.raw("POST", server.path("tool-policies"), json_body=body)


def _policy_list(server: Server) -> RawResponse:
    new_policy(server)
    return server.raw("GET", server.path("tool-policies"))


def _override_created(server: Server) -> RawResponse:
    body = {"role": "owner", "tool_name": first_tools(server, OVERRIDDEN)[-1], "enabled": True}
    response = server.raw("POST", server.path("role-policy-overrides"), json_body=body)
    if response.status == 409:
        raise Skipped("one already exists, from an earlier run")
    return response


def _override_list(server: Server) -> RawResponse:
    ensure_overrides(server)
    return server.raw("GET", server.path("role-policy-overrides"))


def _memory_set(server: Server) -> RawResponse:
    key = server.memory_key("shape", scope="global")
    return server.raw("PUT", f"/memory/{key}", json_body={"value": {"a": 1}, "scope": "global", "ttl": 600})


def _memory(server: Server, method: str) -> RawResponse:
    _memory_set(server)
    return server.raw(method, "/memory/contract-suite-shape", query={"scope": "global"})


def _connected(server: Server) -> RawResponse:
    (tool,) = first_tools(server)
    response = server.raw("POST", f"/tools/{tool}/connect", json_body={})
    if response.status in (400, 422):
        raise Skipped(f"the tool {tool} needs parameters")
    return response


def _executed(server: Server) -> RawResponse:
    return server.raw("POST", f"/workflows/{new_workflow(server)}/execute", json_body={"inputs": {"word": "yes"}})


def first_version(server: Server) -> str:
    """Return the path of the one version of a new workflow.

    Args:
        server: The server.
    """
    workflow_id = new_workflow(server)
    (version,) = server.client.versions.list(workflow_id)
    return f"/workflows/{workflow_id}/versions/{version.version}"


CALLS: Final[list[EndpointCall]] = [
    EndpointCall("GET /health", "full", HEALTH, lambda server: server.raw("GET", "/health"), creates=False),
    EndpointCall("GET /health/secrets", "bare", SECRETS_HEALTH,
        lambda server: server.raw("GET", "/health/secrets"), creates=False),
    EndpointCall("GET /tools", "page", TOOL, lambda server: server.raw("GET", "/tools"), creates=False),
    EndpointCall("GET /tools/{tool_name}", "full", TOOL,
        lambda server: server.raw("GET", f"/tools/{first_tools(server)[0]}"), creates=False),
    EndpointCall("POST /tools/{tool_name}/connect", "full", TOOL_CONNECTION, _connected),
    EndpointCall("GET /workflows", "page", WORKFLOW, _workflow_list),
    EndpointCall("POST /workflows", "full", WORKFLOW, _created),
    EndpointCall("GET /workflows/{id}", "full", WORKFLOW,
        lambda server: server.raw("GET", f"/workflows/{new_workflow(server)}")),
    EndpointCall("PUT /workflows/{id}", "full", WORKFLOW,
        lambda server: server.raw("PUT", f"/workflows/{new_workflow(server)}", json_body={"name": "Changed"})),
    EndpointCall("DELETE /workflows/{id}", "empty", OPEN,
        lambda server: server.raw("DELETE", f"/workflows/{new_workflow(server)}")),
    EndpointCall("POST /workflows/{id}/execute", "data", EXECUTION, _executed),
    EndpointCall("GET /executions", "page", EXECUTION, _execution_list),
    EndpointCall("GET /executions/{id}", "full", EXECUTION,
        lambda server: server.raw("GET", f"/executions/{new_execution(server)}")),
    EndpointCall("POST /executions/{id}/cancel", "full", EXECUTION,
        lambda server: server.raw("POST", f"/executions/{running(server)}/cancel")),
    EndpointCall("GET /workflows/{id}/versions", "page", VERSION,
        lambda server: server.raw("GET", f"/workflows/{new_workflow(server)}/versions")),
    EndpointCall("GET /workflows/{id}/versions/{version}", "full", VERSION,
        lambda server: server.raw("GET", first_version(server))),
    EndpointCall("POST /workflows/{id}/versions/{version}/rollback", "full", VERSION,
        lambda server: server.raw("POST", f"{first_version(server)}/rollback")),
    EndpointCall("POST /workflow-registry/{id}/approve-template", "full", REGISTRY_ENTRY,
        lambda server: _in_registry(server, "approve-template")),
    EndpointCall("POST /workflow-registry/{id}/deprecate", "full", REGISTRY_ENTRY,
        lambda server: _in_registry(server, "deprecate")),
    EndpointCall("POST /workflow-registry/{id}/archive", "full", REGISTRY_ENTRY,
        lambda server: _in_registry(server, "archive")),
    EndpointCall("GET /workflow-registry", "page", REGISTRY_ENTRY, _registry_list),
    EndpointCall("GET /organizations/{organization_id}/governance", "bare", GOVERNANCE,
        lambda server: server.raw("GET", server.path("governance")), creates=False),
    EndpointCall("PATCH /organizations/{organization_id}/governance", "bare", GOVERNANCE, _settings_changed),
    EndpointCall("GET /organizations/{organization_id}/governance/report", "full", OPEN,
        lambda server: server.raw("GET", server.path("governance/report")), creates=False),
    EndpointCall("GET /organizations/{organization_id}/governance/audit", "page", OPEN, _audit),
    EndpointCall("GET /organizations/{organization_id}/governance/approvals", "full", APPROVALS,
        lambda server: server.raw("GET", server.path("governance/approvals")), creates=False),
    EndpointCall("GET /organizations/{organization_id}/quota", "bare", QUOTA,
        lambda server: server.raw("GET", server.path("quota")), creates=False),
    EndpointCall("PATCH /organizations/{organization_id}/quota", "bare", QUOTA, _quota_changed),
    EndpointCall("GET /organizations/{organization_id}/tool-policies", "page", TOOL_POLICY, _policy_list),
    EndpointCall("POST /organizations/{organization_id}/tool-policies", "full", TOOL_POLICY, _policy_created),
    EndpointCall("PATCH /organizations/{organization_id}/tool-policies/{tool_name}", "full", TOOL_POLICY,
        lambda server: server.raw(
            "PATCH", server.path(f"tool-policies/{new_policy(server)}"), json_body={"enabled": False})),
    EndpointCall("DELETE /organizations/{organization_id}/tool-policies/{tool_name}", "empty", OPEN,
        lambda server: server.raw("DELETE", server.path(f"tool-policies/{new_policy(server)}"))),
    EndpointCall("POST /organizations/{organization_id}/role-policy-overrides", "full", ROLE_OVERRIDE,
        _override_created),
    EndpointCall("GET /organizations/{organization_id}/role-policy-overrides", "page", ROLE_OVERRIDE,
        _override_list),
    EndpointCall("GET /memory/{key}", "full", MEMORY_ENTRY, lambda server: _memory(server, "GET")),
    EndpointCall("PUT /memory/{key}", "full", MEMORY_ENTRY, _memory_set),
    EndpointCall("DELETE /memory/{key}", "empty", OPEN, lambda server: _memory(server, "DELETE")),
]  # fmt: skip
"""The calls, one of each endpoint."""

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

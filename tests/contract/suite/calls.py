"""A call of every endpoint that succeeds, what its response looks like by the document, and how lists are filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fibonacci import ConflictError
from tests.contract.document import JSON, Operation, operations, resolve
from tests.contract.suite.check import require, require_type
from tests.contract.suite.server import CHEAP, Disagreement, RawResponse, Server, Skipped, holds, require_tool, waits

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

OPERATIONS: Final[Mapping[str, Operation]] = {each.endpoint: each for each in operations()}
"""The operations of the document by their endpoints."""


def documented_form(endpoint: str) -> tuple[str, Shape]:
    """Return the envelope of a response, and the shape of the object in it, or of each object of its list.

    The envelope is `full` for `{data, meta}`, `page` for that with a list, `data` for `{data}`, `bare` for none, and
    `empty` for no content.

    Args:
        endpoint: The endpoint.
    """
    success = OPERATIONS[endpoint].success
    if "content" not in success:
        return "empty", {}
    content = resolve(success["content"]["application/json"]["schema"])
    if "data" not in content["properties"]:
        return "bare", _shape_of(content)
    data = resolve(content["properties"]["data"])
    if data.get("type") == "array":
        return "page", _shape_of(resolve(data["items"]))
    return "full" if "meta" in content["required"] else "data", _shape_of(data)


def _shape_of(schema: JSON) -> Shape:
    required = schema.get("required", [])
    kinds = {name: resolve(field).get("type", "") for name, field in schema.get("properties", {}).items()}
    return {
        name: ("" if name in required else "?") + (kind if isinstance(kind, str) else "|".join(kind))
        for name, kind in kinds.items()
    }


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


NAMED: Final[Mapping[str, Any]] = {"name": "Contract suite", "description": "Made by a check", "definition": CHEAP}
"""The body of a workflow."""

OVERRIDDEN: Final = 3
"""How many of the first tools the suite allows for the owner, by overrides that cannot be deleted."""


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
    require_tool(server, "wait")
    made = server.create_workflow(definition={"nodes": [holds("first"), waits("pause", 20, "first")]})
    execution = server.client.workflows.execute(made.id)
    if execution.is_terminal:
        raise Skipped("it ended immediately")
    return execution.id


def override_of(server: Server, name: str) -> int | float | None:
    """Return the override of a quota, which is restored after the check.

    Args:
        server: The server.
        name: The quota.
    """
    quotas = server.client.organizations.quota
    before = quotas.get(server.organization_id).overrides.get(name)
    server.add_cleanup(quotas.update, server.organization_id, **{name: before})
    return before


def first_version(server: Server) -> str:
    """Return the path of the one version of a new workflow.

    Args:
        server: The server.
    """
    workflow_id = new_workflow(server)
    (version,) = server.client.versions.list(workflow_id)
    return f"/workflows/{workflow_id}/versions/{version.version}"


def new_entry(server: Server) -> str:
    """Return the ID of a new workflow that is approved.

    Args:
        server: The server.
    """
    workflow_id = new_workflow(server)
    server.client.registry.approve_template(workflow_id)
    return workflow_id


def _versions(server: Server) -> tuple[str, list[Any]]:
    workflow_id = new_workflow(server)
    numbers = [server.client.workflows.update(workflow_id, name=f"Step {step}").version for step in range(2)]
    return f"/workflows/{workflow_id}/versions", [number for number in numbers if number is not None]


def _audit(server: Server) -> tuple[str, list[Any]]:
    change_settings(server, times=3)
    return server.path("governance/audit"), []


def _three(create: Callable[[Server], str], server: Server) -> list[Any]:
    return [create(server) for _ in range(3)]


_ORGANIZATION: Final = "/organizations/{organization_id}"

LISTS: Final[Mapping[str, tuple[str, Callable[[Server], tuple[str, list[Any]]]]]] = {
    "GET /workflows": ("id", lambda server: ("/workflows", _three(new_workflow, server))),
    "GET /executions": ("execution_id", lambda server: ("/executions", _three(new_execution, server))),
    "GET /workflows/{workflow_id}/versions": ("version", _versions),
    "GET /workflow-registry": ("workflow_id", lambda server: ("/workflow-registry", _three(new_entry, server))),
    f"GET {_ORGANIZATION}/governance/audit": ("", _audit),
    f"GET {_ORGANIZATION}/tool-policies":
        ("tool_name", lambda server: (server.path("tool-policies"), _three(new_policy, server))),
    f"GET {_ORGANIZATION}/role-policy-overrides": ("tool_name", lambda server:
        (server.path("role-policy-overrides"), [("owner", tool) for tool in ensure_overrides(server)])),
    "GET /tools": ("name", lambda server: ("/tools", list(first_tools(server, 2)))),
}  # fmt: skip
"""The lists: the field that identifies an item, empty where none is documented, and what creates at least two items. It
returns the path of the list, and the IDs that the list must have."""


def _filled(endpoint: str) -> Calling:
    return lambda server: (LISTS[endpoint][1](server)[0], None)


def _workflow(server: Server, rest: str = "") -> str:
    return f"/workflows/{new_workflow(server)}{rest}"


def _memory(server: Server) -> str:
    key = server.memory_key("shape")
    server.client.memory.set(key, {"a": 1}, ttl=600)
    return f"/memory/{key}"


Calling = Callable[[Server], tuple[str, Any]]
"""Creates what a call needs, and returns its path and its body."""

CALLS: Final[Mapping[str, Calling]] = {
    "GET /health": lambda _: ("/health", None),
    "GET /health/secrets": lambda _: ("/health/secrets", None),
    "GET /tools/{tool_name}": lambda server: (f"/tools/{first_tools(server)[0]}", None),
    "POST /tools/{tool_name}/connect": lambda server: (f"/tools/{first_tools(server)[0]}/connect", {}),
    "POST /workflows": lambda _: ("/workflows", NAMED),
    "GET /workflows/{workflow_id}": lambda server: (_workflow(server), None),
    "PUT /workflows/{workflow_id}": lambda server: (_workflow(server), {"name": "Changed"}),
    "DELETE /workflows/{workflow_id}": lambda server: (_workflow(server), None),
    "POST /workflows/{workflow_id}/execute":
        lambda server: (_workflow(server, "/execute"), {"inputs": {"word": "yes"}}),
    "GET /executions/{execution_id}": lambda server: (f"/executions/{new_execution(server)}", None),
    "POST /executions/{execution_id}/cancel": lambda server: (f"/executions/{running(server)}/cancel", None),
    "GET /workflows/{workflow_id}/versions/{version}": lambda server: (first_version(server), None),
    "POST /workflows/{workflow_id}/versions/{version}/rollback":
        lambda server: (f"{first_version(server)}/rollback", None),
    "POST /workflow-registry/{workflow_id}/approve-template":
        lambda server: (f"/workflow-registry/{new_workflow(server)}/approve-template", None),
    "POST /workflow-registry/{workflow_id}/deprecate":
        lambda server: (f"/workflow-registry/{new_entry(server)}/deprecate", None),
    "POST /workflow-registry/{workflow_id}/archive":
        lambda server: (f"/workflow-registry/{new_entry(server)}/archive", None),
    f"GET {_ORGANIZATION}/governance": lambda server: (server.path("governance"), None),
    f"PATCH {_ORGANIZATION}/governance":
        lambda server: (server.path("governance"), {"approval_threshold": change_settings(server)}),
    f"GET {_ORGANIZATION}/governance/report": lambda server: (server.path("governance/report"), None),
    f"GET {_ORGANIZATION}/governance/approvals": lambda server: (server.path("governance/approvals"), None),
    f"GET {_ORGANIZATION}/quota": lambda server: (server.path("quota"), None),
    f"PATCH {_ORGANIZATION}/quota":
        lambda server: (server.path("quota"), {"memory_mb": override_of(server, "memory_mb")}),
    f"POST {_ORGANIZATION}/tool-policies": lambda server: (
        server.path("tool-policies"), {"tool_name": free_tool(server), "enabled": True, "allowed_roles": ["owner"]}),
    f"PATCH {_ORGANIZATION}/tool-policies/{{tool_name}}":
        lambda server: (server.path(f"tool-policies/{new_policy(server)}"), {"enabled": False}),
    f"DELETE {_ORGANIZATION}/tool-policies/{{tool_name}}":
        lambda server: (server.path(f"tool-policies/{new_policy(server)}"), None),
    f"POST {_ORGANIZATION}/role-policy-overrides": lambda server: (server.path("role-policy-overrides"),
        {"role": "owner", "tool_name": first_tools(server, OVERRIDDEN)[-1], "enabled": True}),
    "GET /memory/{key}": lambda server: (_memory(server), None),
    "PUT /memory/{key}": lambda server: (f"/memory/{server.memory_key('shape')}", {"value": {"a": 1}, "ttl": 600}),
    "DELETE /memory/{key}": lambda server: (_memory(server), None),
    **{endpoint: _filled(endpoint) for endpoint in LISTS},
}  # fmt: skip
"""A call of each endpoint that succeeds."""

_WITHOUT_CHANGES: Final = ("/health", "/tools", "/governance", "/report", "/approvals", "/quota", "/secrets")


def changes(endpoint: str) -> bool:
    """Return whether the call of an endpoint creates or changes anything, what it reads included.

    Args:
        endpoint: The endpoint.
    """
    return not (endpoint.startswith("GET ") and endpoint.removesuffix("/{tool_name}").endswith(_WITHOUT_CHANGES))


def send(server: Server, endpoint: str, path: str, body: Any) -> RawResponse:
    """Make a call of an endpoint, and delete the workflow that it has created.

    Args:
        server: The server.
        endpoint: The endpoint.
        path: The path.
        body: The body.
    """
    response = server.raw(endpoint.partition(" ")[0], path, json_body=body)
    if endpoint == "POST /workflows" and response.status in (200, 201):
        server.add_cleanup(server.client.workflows.delete, response.json["data"]["id"])
    return response

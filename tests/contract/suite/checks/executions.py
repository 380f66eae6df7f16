"""Tools, executions, and the memory that they share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fibonacci import BadRequestError
from fibonacci.models import Tool
from tests.contract.suite.calls import running
from tests.contract.suite.check import (
    Checks,
    require,
    require_envelope,
    require_equal,
    require_field,
    require_not_found,
    require_refusal,
    require_type,
)
from tests.contract.suite.checks.lives import data_of, time_of
from tests.contract.suite.checks.runs import require_tool, waits
from tests.contract.suite.server import CHEAP, Server, Skipped
from tests.contract.suite.values import BODIES

TOOLS: Final = Checks("tools")


def a_tool(server: Server) -> Tool:
    """Return some tool of the catalog.

    Args:
        server: The server.

    Raises:
        Skipped: When there is none.
    """
    tool = server.client.tools.list().first()
    if tool is None:
        raise Skipped("the catalog is empty")
    return tool


@TOOLS.documented("GET /tools", "The catalog has tools, each with a name and a description")
def _listed(server: Server) -> None:
    tools = list(server.client.tools.list())
    require(tools, "the catalog is empty")
    for tool in tools:
        require_type(tool.name, str, "name")
        require_type(tool.description, str, "description")


@TOOLS.documented("GET /tools/{tool_name}", "A tool can be read by its name")
def _one(server: Server) -> None:
    name = a_tool(server).name
    require_equal(server.client.tools.get(name).name, name, "name")


@TOOLS.choice(
    "POST /tools/{tool_name}/connect",
    "The body has the parameters. The response is an object, or a refusal because parameters are missing",
    changes=True,
)
def _connect(server: Server) -> None:
    try:
        server.client.tools.connect(a_tool(server).name)
    except BadRequestError:
        return
    require_type(
        require_envelope(server.raw("POST", f"/tools/{a_tool(server).name}/connect", json_body={})), dict, "data"
    )


EXECUTIONS: Final = Checks("executions")


@EXECUTIONS.documented("GET /executions/{id}", "An execution can be read by its id, and has its outputs", changes=True)
def _read(server: Server) -> None:
    ran = server.run_workflow()
    execution = server.client.executions.get(ran.id)
    require_equal((execution.id, execution.status, execution.outputs), (ran.id, ran.status, ran.outputs), "it")
    require_equal(
        (execution.nodes_executed, execution.nodes_failed),
        (ran.nodes_executed, ran.nodes_failed),
        "the numbers of nodes",
    )
    require_type(execution.duration_ms, (int, float), "duration_ms")


@EXECUTIONS.choice("GET /executions", "`workflow_id` lists the executions of one workflow", changes=True)
def _of_a_workflow(server: Server) -> None:
    ran = server.run_workflow()
    server.run_workflow()
    workflow_id = server.client.executions.get(ran.id).workflow_id
    listed = [execution.id for execution in server.client.executions.list(workflow_id=workflow_id)]
    require_equal(listed, [ran.id], "the list")


@EXECUTIONS.choice("GET /executions", "`status` lists the executions of one status", changes=True)
def _with_a_status(server: Server) -> None:
    server.run_workflow()
    for status in ("completed", "failed"):
        for execution in next(iter(server.client.executions.list(status=status, page_size=20).pages())):
            require_equal(execution.status, status, "status")


@EXECUTIONS.choice(
    "POST /executions/{id}/cancel",
    "An execution that has ended does not change, and canceling it is refused with 409",
    changes=True,
)
def _cancel_ended(server: Server) -> None:
    fails = {**CHEAP["nodes"][1], "operator": "less_than"}
    for ran in (server.run_workflow(), server.run_definition({"nodes": [fails]}, {})):
        before = server.raw("GET", f"/executions/{ran.id}").json
        require_field(require_refusal(server.raw("POST", f"/executions/{ran.id}/cancel"), 409), "status")
        after = server.raw("GET", f"/executions/{ran.id}").json
        require_equal(after["data"], before["data"], "the execution")


@EXECUTIONS.choice(
    "POST /executions/{id}/cancel", "Canceling a running execution returns it as cancelled", changes=True
)
def _cancel_running(server: Server) -> None:
    execution_id = running(server)
    canceled = server.raw("POST", f"/executions/{execution_id}/cancel").json["data"]
    require_equal((canceled["execution_id"], canceled["status"]), (execution_id, "cancelled"), "id and status")
    after = server.raw("GET", f"/executions/{execution_id}").json["data"]
    for name in ("status", "workflow_id", "outputs", "duration_ms", "nodes_executed", "nodes_failed"):
        require_equal(canceled.get(name), after[name], f"{name} in the response to canceling")


@EXECUTIONS.documented(
    "POST /workflows/{id}/execute", "A workflow that the governance flags hold for approval does not run", changes=True
)
def _held(server: Server) -> None:
    _require_held(server, "http_request")


@EXECUTIONS.documented(
    "POST /workflows/{id}/execute", "Approval flags recognize the dotted spelling of a tool, http.request", changes=True
)
def _held_in_either_spelling(server: Server) -> None:
    _require_held(server, "http.request")


def _require_held(server: Server, tool: str) -> None:
    if "http_request" not in [tool.name for tool in server.client.tools.list()]:
        raise Skipped("no tool communicates without doing harm")
    governance = server.client.organizations.governance
    flag = governance.get(server.organization_id).require_approval_for_external_comm or False
    server.add_cleanup(governance.update, server.organization_id, require_approval_for_external_comm=flag)
    governance.update(server.organization_id, require_approval_for_external_comm=True)
    params = {"url": "https://contract-suite.invalid/", "method": "GET"}
    node = {"id": "ask", "type": "tool", "tool": tool, "params": params}
    execution = server.client.workflows.execute(server.create_workflow(definition={"nodes": [node]}).id)
    require(not execution.is_terminal, f"it has run: its status is {execution.status}")
    server.add_cleanup(server.client.executions.cancel, execution.id)
    require(not execution.outputs, f"it has run: its outputs are {execution.outputs}")
    require_equal(execution.nodes_executed or 0, 0, "nodes_executed")


NEVER: Final = {"field": "a", "operator": "equals", "value": "b"}
"""A condition that does not hold, so that its node never runs."""


@EXECUTIONS.choice(
    "POST /workflows/{id}/execute",
    "A run that waits for approval says why, is counted, and can be canceled. With a threshold of 0, no run waits",
    changes=True,
)
def _waiting(server: Server) -> None:
    flags = {"require_approval_for_external_comm": True, "approval_threshold": 1}
    path = with_settings(server, "http_request", flags)
    before = _pending(server)
    held = data_of(server.raw("POST", path, json_body={"inputs": {"word": "yes"}}))
    require_equal(held["status"], "pending_approval", "status")
    place = f"/executions/{held['execution_id']}"
    server.add_cleanup(server.raw, "POST", f"{place}/cancel")
    run = data_of(server.raw("GET", place))
    require_equal(run.get("inputs"), {"word": "yes"}, "inputs")
    nothing: tuple[object, ...] = (None, 0, dict[str, Any]())
    require_equal((run.get("completed_at"), run["duration_ms"], run["outputs"]), nothing, "what it has done")
    require_type(run.get("approval"), dict, "approval")
    require("external_comm" in str(run["approval"].get("reasons")), f"approval gives no reason: {run['approval']}")
    require(run["approval"].get("requested_by"), "approval does not say who asked")
    decided = (run["approval"].get("approved_by"), run["approval"].get("rejected_by", "nothing"))
    require_equal(decided, (list[str](), None), "who decided")
    requested, expires = (time_of(run["approval"], name) for name in ("requested_at", "expires_at"))
    require(requested < expires, f"it expires at {expires}, but was requested at {requested}")
    require_equal(_pending(server), None if before is None else before + 1, "the number of runs that wait")
    canceled = data_of(server.raw("POST", f"{place}/cancel"))
    require_equal(canceled["status"], "cancelled", "the status after it was canceled")
    require_refusal(server.raw("POST", f"{place}/cancel"), 409)
    require_equal(_pending(server), before, "the number of runs that wait, after one was canceled")
    server.raw("PATCH", server.path("governance"), json_body={"approval_threshold": 0})
    require_equal(
        data_of(server.raw("POST", path, json_body={}))["status"], "completed", "status with a threshold of 0"
    )


def _pending(server: Server) -> int | None:
    """Return how many runs wait, if the statistics of approvals say so."""
    pending = data_of(server.raw("GET", server.path("governance/approvals"))).get("pending")
    return pending if isinstance(pending, int) else None


@EXECUTIONS.choice(
    "POST /workflows/{id}/execute",
    "Each flag holds exactly the runs it is about: writes, a category of the catalog, or a category of the definition",
    changes=True,
)
def _flags(server: Server) -> None:
    tools = {tool.name: tool for tool in server.client.tools.list()}
    category = str((tools["file_write"].model_extra or {}).get("category", "")) if "file_write" in tools else ""
    if not category:
        raise Skipped("there is no tool file_write with a category")
    definition = {"categories": ["contract-suite"]}
    for flags, tool, rest, is_held in (
        ({}, "file_write", definition, False),
        ({"require_approval_for_public_writes": True}, "file_write", {}, True),
        ({"require_approval_for_external_comm": True}, "file_write", {}, False),
        ({"require_approval_for_permission_changes": True}, "file_write", {}, False),
        ({"category_flags": {category: True, "contract-suite": False}}, "file_write", definition, True),
        ({"category_flags": {category: False, "contract-suite": True}}, "file_write", {}, False),
        ({"category_flags": {"contract-suite": True}}, "file_write", definition, True),
    ):
        path = with_settings(server, tool, {"approval_threshold": 1, **flags}, **rest)
        run = data_of(server.raw("POST", path, json_body={}))
        server.add_cleanup(server.raw, "POST", f"/executions/{run['execution_id']}/cancel")
        server.do_cleanups()
        require_equal(run["status"], "pending_approval" if is_held else "completed", f"status with {flags}")


def with_settings(server: Server, tool: str, flags: Mapping[str, Any], **rest: Any) -> str:
    """Change the settings, those not given to nothing, and return the path that executes a workflow with a tool.

    Args:
        server: The server.
        tool: The tool. The condition of its node does not hold.
        flags: The settings.
        rest: Further fields of the definition.

    Raises:
        Skipped: If the tool doesn't exist.
    """
    if tool not in [known.name for known in server.client.tools.list()]:
        raise Skipped(f"there is no tool {tool}")
    path = server.path("governance")
    before = server.raw("GET", path).json
    given = {name: before[name] for name in BODIES["PATCH /organizations/{organization_id}/governance"]}
    server.add_cleanup(server.raw, "PATCH", path, json_body={name: v for name, v in given.items() if v is not None})
    off = {name: False for name in given if name.startswith("require_")}
    require_equal(server.raw("PATCH", path, json_body={**off, "category_flags": {}, **flags}).status, 200, "the status")
    node = {
        "id": "use",
        "type": "tool",
        "tool": tool,
        "condition": NEVER,
        "params": {"url": "a", "path": "a", "text": "a"},
    }
    return f"/workflows/{server.create_workflow(definition={'nodes': [node], **rest}).id}/execute"


@EXECUTIONS.choice(
    "POST /workflows/{id}/execute",
    "A threshold of 0 releases the runs that wait for approval. Each runs once: immediately, or after a place is "
    "freed because another run ends or is canceled, or because the quota is raised",
    changes=True,
)
def _pending_place(server: Server) -> None:
    require_tool(server, "wait")
    flags = {"require_approval_for_external_comm": True, "approval_threshold": 2}
    path, settings = with_settings(server, "http_request", flags), server.path("governance")
    quota, name = server.path("quota"), "concurrent_executions"
    override = server.raw("GET", quota).json["overrides"].get(name)
    server.add_cleanup(server.raw, "PATCH", quota, json_body={name: override})
    released: list[dict[str, Any]] = []
    for freed_by, seconds in (("nothing", 0), ("end", 1), ("cancel", 20), ("quota", 20)):
        server.wait_for_requests(25)
        server.raw("PATCH", quota, json_body={name: 1})
        held = f"/executions/{data_of(server.raw('POST', path, json_body={}))['execution_id']}"
        server.add_cleanup(server.raw, "POST", f"{held}/cancel")
        server.raw("PATCH", settings, json_body={"approval_threshold": 1})
        require_equal(
            data_of(server.raw("GET", held))["status"], "pending_approval", "the status with a threshold of 1"
        )
        made = server.create_workflow(definition={"nodes": [waits("pause", seconds, timeout=30)]})
        busy = (
            f"/executions/{data_of(server.raw('POST', f'/workflows/{made.id}/execute', json_body={}))['execution_id']}"
        )
        server.add_cleanup(server.raw, "POST", f"{busy}/cancel")
        server.raw("PATCH", settings, json_body={"approval_threshold": 0})
        if seconds:
            run = data_of(server.raw("GET", held))
            require_equal((run["status"], run["outputs"]), ("pending", dict[str, Any]()), "it, while another runs")
        if freed_by == "cancel":
            server.raw("POST", f"{busy}/cancel")
        elif freed_by == "quota":
            server.raw("PATCH", quota, json_body={name: 2})
        server.sleep(5)
        run, other = data_of(server.raw("GET", held)), data_of(server.raw("GET", busy))
        require_equal(run["status"], "completed", f"the status after a place was freed by {freed_by}")
        since = time_of(run, "created_at") if freed_by == "quota" else time_of(other, "completed_at")
        late = (time_of(run, "completed_at") - since).total_seconds()
        require(0 <= late < 3, f"it ended {late} seconds after a place was freed by {freed_by}")
        released.append(run)
        server.raw("POST", f"{busy}/cancel")
        server.raw("PATCH", settings, json_body={"approval_threshold": 2})
    for run in released:
        require_equal(data_of(server.raw("GET", f"/executions/{run['execution_id']}")), run, "a run that was released")


VALUES: Final[list[Any]] = [{"a": [1, {"b": None}]}, [1, 2.5, "three"], "text", "", 0, 12.5, True, None]

MEMORY: Final = Checks("memory")


@MEMORY.documented("PUT /memory/{key}", "A value can be any JSON, and is read as it was set", changes=True)
def _values(server: Server) -> None:
    for number, value in enumerate(VALUES):
        key = server.memory_key(f"value-{number}")
        server.client.memory.set(key, value)
        require_equal(server.client.memory.get(key).value, value, "value")


@MEMORY.documented("PUT /memory/{key}", "Setting a value again replaces it", changes=True)
def _replaced(server: Server) -> None:
    key = server.memory_key("twice")
    server.client.memory.set(key, {"a": 1})
    server.client.memory.set(key, {"b": 2})
    require_equal(server.client.memory.get(key).value, {"b": 2}, "value")


@MEMORY.documented("PUT /memory/{key}", "The scope is workflow by default", changes=True)
def _default_scope(server: Server) -> None:
    key = server.memory_key("scope")
    require_equal(server.client.memory.set(key, 1).scope, "workflow", "scope")
    require_equal(server.client.memory.get(key, scope="workflow").value, 1, "value")


@MEMORY.documented("GET /memory/{key}", "Scopes are separate: workflow, user, organization, global", changes=True)
def _scopes(server: Server) -> None:
    key = "scopes"
    for scope in ("organization", "global"):
        server.client.memory.set(server.memory_key(key, scope=scope), scope, scope=scope)
    name = server.memory_key(key, scope="user", user_id="contract-suite-1")
    server.client.memory.set(name, "user", scope="user", user_id="contract-suite-1")
    for scope in ("organization", "global"):
        require_equal(server.client.memory.get(name, scope=scope).value, scope, "value")
    require_equal(server.client.memory.get(name, scope="user", user_id="contract-suite-1").value, "user", "value")
    require_not_found(lambda: server.client.memory.get(name, scope="user", user_id="contract-suite-2"))


@MEMORY.documented("PUT /memory/{key}", "`ttl` is in seconds, and then the value is gone", changes=True)
def _ttl(server: Server) -> None:
    server.require_documented("a time to live that is not a whole hour")
    key = server.memory_key("ttl")
    server.client.memory.set(key, 1, ttl=1)
    server.sleep(1.5)
    require_not_found(lambda: server.client.memory.get(key))


@MEMORY.choice("PUT /memory/{key}", "A key is one segment of the path, where a slash is written %2F", changes=True)
def _one_segment(server: Server) -> None:
    key = server.memory_key("user/prefs")
    server.client.memory.set(key, 1)
    require_equal(server.raw("GET", f"/memory/{key.replace('/', '%2F')}").status, 200, "the status")
    require_equal(server.client.memory.get(key).key, key, "key")
    server.client.memory.delete(key)
    require_not_found(lambda: server.client.memory.get(key))


@MEMORY.documented("DELETE /memory/{key}", "A deleted value cannot be read", changes=True)
def _deleted(server: Server) -> None:
    key = server.memory_key("deleted")
    server.client.memory.set(key, 1)
    server.client.memory.delete(key)
    require_not_found(lambda: server.client.memory.get(key))


@MEMORY.choice("PUT /memory/{key}", "The response, like a later read, has the key, scope, owner and ttl", changes=True)
def _described(server: Server) -> None:
    server.require_documented("`ttl` in a response")
    place: dict[str, Any] = {"scope": "user", "user_id": "contract-suite-1"}
    key = server.memory_key("described", **place)
    written = server.client.memory.set(key, "value", ttl=600, **place)
    expected = (key, "value", "user", "contract-suite-1", 600)
    for entry in (written, server.client.memory.get(key, **place)):
        require_equal((entry.key, entry.value, entry.scope, entry.user_id, entry.ttl), expected, "the entry")


@MEMORY.choice("GET /memory/{key}", "Each workflow has its own values, by `workflow_id`", changes=True)
def _of_workflows(server: Server) -> None:
    places: list[dict[str, Any]] = [{"workflow_id": server.create_workflow().id} for _ in range(2)]
    for place in places:
        written = server.client.memory.set(server.memory_key("apart", **place), place["workflow_id"], **place)
        require_equal(written.workflow_id, place["workflow_id"], "workflow_id in the response to setting")
    for place in places:
        entry = server.client.memory.get("contract-suite-apart", **place)
        require_equal((entry.value, entry.workflow_id), (place["workflow_id"],) * 2, "value and workflow_id")


@MEMORY.documented("DELETE /memory/{key}", "Deleting a value keeps those of other scopes and owners", changes=True)
def _deleted_alone(server: Server) -> None:
    places: list[dict[str, Any]] = [
        {},
        {"scope": "user", "user_id": "contract-suite-1"},
        {"scope": "user", "user_id": "contract-suite-2"},
        {"workflow_id": server.create_workflow().id},
        {"scope": "global"},
    ]
    for number, place in enumerate(places):
        server.client.memory.set(server.memory_key("alone", **place), number, **place)
    for number, place in enumerate(places):
        server.client.memory.delete("contract-suite-alone", **place)
        require_not_found(partial(server.client.memory.get, "contract-suite-alone", **place))
        for left, other in list(enumerate(places))[number + 1 :]:
            require_equal(server.client.memory.get("contract-suite-alone", **other).value, left, "another value")

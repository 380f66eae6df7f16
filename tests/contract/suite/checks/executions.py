"""Tools, and executions that wait for approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.suite.calls import override_of
from tests.contract.suite.check import Checks, require, require_equal, require_refusal, require_type
from tests.contract.suite.checks.lives import data_of, require_listed, time_of
from tests.contract.suite.checks.paging import pages
from tests.contract.suite.server import Server, Skipped, require_tool, waits
from tests.contract.suite.values import BODIES

TOOLS: Final = Checks("tools")


@TOOLS.documented("GET /tools/{tool_name}", "The tools have names and descriptions, alone as in the list")
def _described(server: Server) -> None:
    tools = pages(server, "/tools")
    require(tools, "the catalog is empty")
    for tool in tools:
        for name in ("name", "description"):
            require(isinstance(tool.get(name), str) and tool[name], f"{name} is {tool.get(name)!r}")
    require_listed(tools[0], data_of(server.raw("GET", f"/tools/{tools[0]['name']}")))
    require_equal(server.client.tools.get(tools[0]["name"]).name, tools[0]["name"], "name")


EXECUTIONS: Final = Checks("executions")


NEVER: Final = {"field": "a", "operator": "equals", "value": "b"}
"""A condition that does not hold, so that its node never runs."""


@EXECUTIONS.choice(
    "POST /workflows/{workflow_id}/execute",
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
    "POST /workflows/{workflow_id}/execute",
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
        ({"require_approval_for_external_comm": True}, "http.request", {}, True),
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
    if tool.replace(".", "_") not in [known.name for known in server.client.tools.list()]:
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
    "POST /workflows/{workflow_id}/execute",
    "A threshold of 0 releases the runs that wait for approval. Each runs once: immediately, or after a place is "
    "freed because another run ends or is canceled, or because the quota is raised",
    changes=True,
)
def _pending_place(server: Server) -> None:
    require_tool(server, "wait")
    flags = {"require_approval_for_external_comm": True, "approval_threshold": 2}
    path, settings = with_settings(server, "http_request", flags), server.path("governance")
    quota, name = server.path("quota"), "concurrent_executions"
    override_of(server, name)
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

"""The API of fibonacci-sdk 0.2.4: its own paths and forms. What is documented here is what that release reads."""

from __future__ import annotations

from typing import Any, Final

from fibonacci._core.json_bodies import is_array
from tests.contract.suite.calls import NAMED, Shape, new_workflow, require_shape
from tests.contract.suite.check import UNKNOWN, Checks, require_among, require_equal, require_type
from tests.contract.suite.server import Server


def _shape(*fields: str) -> dict[str, str]:
    return {name: kind for kind, *names in map(str.split, fields) for name in names}


WORKFLOW: Final = _shape(
    *("string id name", "string|null description organization_id created_at updated_at", "object|null definition"),
    *("integer version total_runs successful_runs failed_runs", "boolean is_active is_template"),
    "number|null avg_duration_seconds",
)
LISTED_RUN: Final = _shape(
    "string id workflow_id status", "string|null started_at completed_at", "number|null duration_seconds total_cost"
)
RUN: Final = LISTED_RUN | _shape(
    *("object input_data", "object|null output_data node_results", "string|null error_message", "array|null logs"),
    *("integer nodes_executed nodes_failed retry_count", "integer|null total_tokens_used"),
)
ENTRY: Final = _shape("string key scope", "object value")
TOOL: Final = _shape("string name category description", "number cost_per_use")

CHECKS: Final = Checks("api_0_2")


def _read(server: Server, shape: Shape, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """Return what is read, after a look at its form: an object, or several in an array."""
    response = server.requests(method, path, json_body=body, query=query)
    require_among(response.status, (200, 201), f"the status of {method} {path}")
    content = response.json
    for item in content if is_array(content) else [content]:
        require_shape(item, shape, f"what {method} {path} responds with")
    return content


@CHECKS.documented(
    "PATCH /workflows/{id}", "Every call returns a workflow as an object without an envelope", changes=True
)
def _workflows(server: Server) -> None:
    made = _read(server, WORKFLOW, "POST", "/workflows", {**NAMED, "is_active": True, "is_template": False})
    server.add_cleanup(server.client.workflows.delete, made["id"])
    path, expected = f"/workflows/{made['id']}", {**NAMED, "is_active": True}
    require_equal({name: made[name] for name in expected}, expected, "what was created")
    expected |= {"name": "Changed", "is_active": False}
    changed = _read(server, WORKFLOW, "PATCH", path, {"name": "Changed", "is_active": False})
    for workflow in (changed, _read(server, WORKFLOW, "GET", path)):
        require_equal({name: workflow[name] for name in expected}, expected, "what was changed")
    require_equal(server.requests("DELETE", path).body, b"", "the body after a deletion")


@CHECKS.documented(
    "GET /workflows", "skip and limit divide an array into pages, and each workflow is on exactly one", changes=True
)
def _pages(server: Server) -> None:
    made, listed = {new_workflow(server) for _ in range(3)}, list[str]()
    while page := _read(server, WORKFLOW, "GET", "/workflows", skip=len(listed), limit=2):
        require_among(len(page), (1, 2), "the number of items on a page of 2")
        listed += [item["id"] for item in page]
    require_equal(len(set(listed)), len(listed), "the number of different items")
    require_equal(made & set(listed), made, "the created workflows that are on a page")


@CHECKS.documented("GET /runs/{id}", "A run is an object without an envelope, and has its input_data", changes=True)
def _runs(server: Server) -> None:
    path = f"/workflows/{new_workflow(server)}"
    made = _read(server, RUN, "POST", f"{path}/execute", {"input_data": {"word": "yes"}})
    server.client.executions.wait(made["id"], timeout=180)
    run = _read(server, RUN, "GET", f"/runs/{made['id']}")
    require_equal((run["status"], run["input_data"]), ("completed", {"word": "yes"}), "status and input_data")
    require_equal(sorted(run["output_data"] or {}), ["ask", "taken"], "what output_data holds")
    for status, expected in (("completed", [made["id"]]), ("failed", [])):
        query = {"skip": 0, "limit": 100, "status_filter": status}
        runs = _read(server, LISTED_RUN, "GET", f"{path}/runs", **query)
        require_equal([run["id"] for run in runs], expected, f"the runs that are {status}")


@CHECKS.documented("POST /memory", "POST writes a value, and a value is an object without an envelope", changes=True)
def _memory(server: Server) -> None:
    body = {"key": server.memory_key("form", scope="global"), "scope": "global", "value": {"a": [1, None]}}
    for method, path, sent, query in (
        ("POST", "/memory", {**body, "expires_in_hours": 1}, {}),
        ("GET", f"/memory/{body['key']}", None, {"scope": "global"}),
    ):
        entry = _read(server, ENTRY, method, path, sent, **query)
        require_equal({name: entry[name] for name in body}, body, "the entry")


@CHECKS.documented("GET /tools", "The tools are an array, and a single tool is an object without an envelope")
def _tools(server: Server) -> None:
    tools = _read(server, TOOL, "GET", "/tools")
    require_type(tools, list, "what GET /tools responds with")
    require_equal(_read(server, TOOL, "GET", f"/tools/{tools[0]['name']}"), tools[0], "a single tool")


@CHECKS.documented(
    "GET /workflows/{id}", "An error is {detail}: a text, or for a 422 a list of what is wrong and where"
)
def _errors(server: Server) -> None:
    for path, key, status, kind in (
        (f"/workflows/{UNKNOWN}", "", 404, str),
        ("/tools", f"Bearer {UNKNOWN}", 401, str),
        ("/workflows?skip=-1", "", 422, list),
    ):
        response = server.requests("GET", path, authorization=key)
        require_equal(response.status, status, "the status")
        require_shape(response.json, {"detail": ""}, "the body")
        require_type(response.json["detail"], kind, "detail")
        if kind is list:
            require_shape(response.json["detail"][0], _shape("array loc", "string msg type"), "a fault")

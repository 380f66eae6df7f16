"""The API of fibonacci-sdk 0.2, below `/api/v1`: the same objects and rules, with other names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from fibonacci.definitions.json_types import Whole
from fibonacci.definitions.templates import as_text
from fibonacci.emulator.context import Endpoint, RequestContext, RunReply
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.memory import MemorySet, Owner, is_live, owner_of, set_value
from fibonacci.emulator.engine.records import QUEUED, WAITING, elapsed_ms, view_of
from fibonacci.emulator.engine.tool_catalog import CatalogTool, all_tools
from fibonacci.emulator.engine.user_handlers import usage_sum
from fibonacci.emulator.http.messages import (
    Body,
    Detail,
    Reply,
    bare,
    invalid,
    no_content,
    not_found,
    read,
)
from fibonacci.emulator.http.paging import SLICE_LIMIT, sliced
from fibonacci.emulator.http.router import API_0_2
from fibonacci.emulator.policy.admission import execute
from fibonacci.emulator.routes import executions, memory, tools, workflows
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of
from fibonacci.emulator.state.records import TERMINAL, NodeUsage, StoredExecution, StoredMemory, StoredWorkflow
from fibonacci.emulator.state.snapshot import Key
from fibonacci.emulator.state.store import Store

_Count = Annotated[Whole, Field(ge=1)]


class FlaggedWorkflowCreate(workflows.WorkflowCreate):
    """The body of creating a workflow."""

    is_active: bool = True
    is_template: bool = False


class FlaggedWorkflowUpdate(workflows.WorkflowUpdate):
    """The body of updating a workflow, where absent fields stay unchanged."""

    is_active: bool = True
    is_template: bool = False


_FlaggedT = TypeVar("_FlaggedT", FlaggedWorkflowCreate, FlaggedWorkflowUpdate)


class RunCreate(Body):
    """The body of executing a workflow."""

    input_data: JSONObject = Field(default_factory=dict)
    tags: list[str] | None = None
    secrets: dict[str, str] | None = None


class MemoryOwner(Body):
    """Whose memory a request is about."""

    scope: Literal["workflow", "user", "organization", "global"] = "workflow"
    workflow_id: Owner = None
    user_id: Owner = None
    organization_id: Owner = None
    tags: list[str] | None = None


class MemoryWrite(MemoryOwner):
    """The body of setting a value."""

    key: Annotated[str, Field(min_length=1)]
    value: Any
    description: str | None = None
    expires_in_days: _Count | None = None
    expires_in_hours: _Count | None = None


class MemoryQuery(MemoryOwner):
    """The body of listing and of searching values."""

    prefix: str = ""
    query: str = ""
    limit: _Count = SLICE_LIMIT


def list_workflows(context: RequestContext) -> Reply:
    """GET /api/v1/workflows, the oldest first."""
    query, rows = context.query, context.store.workflows.rows()
    given = [name for name in ("is_active", "is_template") if query.text(name) is not None]
    wanted = {name: query.boolean(name, default=False) for name in given}.items()

    if wanted:
        rows = (row for row in rows if wanted <= _flags(row[1]).items())
    return sliced(rows, query, partial(_workflow, context.store))


def create_workflow(context: RequestContext) -> Reply:
    """POST /api/v1/workflows."""
    body = _in_todays_words(read(FlaggedWorkflowCreate, context.body))
    flags = {name: value for name, value in _given_flags(body).items() if value}  # only flags that are set
    return bare(_workflow(context.store, workflows.add_workflow(context, body, flags)), 201)


def get_workflow(context: RequestContext) -> Reply:
    """GET /api/v1/workflows/{workflow_id}."""
    return bare(_workflow(context.store, workflows.find_workflow(context)))


def update_workflow(context: RequestContext) -> Reply:
    """PATCH /api/v1/workflows/{workflow_id}, where flags are not part of a version."""
    workflow = workflows.find_workflow(context)
    body = _in_todays_words(read(FlaggedWorkflowUpdate, context.body))
    return bare(_workflow(context.store, workflows.change_workflow(context, workflow, body, _given_flags(body))))


def execute_workflow(context: RequestContext) -> RunReply:
    """POST /api/v1/workflows/{workflow_id}/execute. A run has only the emulator's secrets."""
    workflow = workflows.find_workflow(context)
    body = read(RunCreate, context.body)
    for name, value in (body.secrets or {}).items():
        if context.environment.secrets.get(name) != value:
            message = "a run only has the secrets of the emulator: pass this one in Emulator(secrets=...)"
            raise invalid(Detail(f"secrets.{name}", message))
    if body.tags:
        place = f"POST {API_0_2}workflows/{{workflow_id}}/execute tags"
        warning = EmulatorWarning(code="no_effect", location=place, message="the tags of a run are not stored")
        context.environment.warnings.report([warning])
    return RunReply(execute(context, workflow, body.input_data), _reply)


def list_runs(context: RequestContext) -> Reply:
    """GET /api/v1/workflows/{workflow_id}/runs, the newest first."""
    workflow_id = workflows.find_workflow(context)["id"]
    statuses: Sequence[str] = ()
    if context.query.text("status_filter") is not None:
        statuses = _STATUSES[context.query.choice("status_filter", list(_STATUSES), default="")]

    executions_of = context.store.executions.rows
    rows = executions_of(workflow_id=workflow_id, statuses=statuses, newest_first=True, brief=True)

    def show(execution: StoredExecution) -> JSONObject:
        run = _run(execution, context.now)
        return {name: run[name] for name in _IN_LIST}

    return sliced(rows, context.query, show)


def get_run(context: RequestContext) -> RunReply:
    """GET /api/v1/runs/{run_id}."""
    execution = context.platform.scheduler.refresh(executions.find_execution(context, "run_id"), context.now)
    return RunReply(execution, _reply)


def get_memory(context: RequestContext) -> Reply:
    """GET /api/v1/memory/{key}, where the user is by default the caller, as in all calls of memory."""
    return bare(_entry(context, memory.find_entry(context, _place_in_query(context))))


def set_memory(context: RequestContext) -> Reply:
    """POST /api/v1/memory."""
    body = read(MemoryWrite, context.body)
    scope, owner, _ = place = _place(context, body, body.key)
    ttl = 86_400 * (body.expires_in_days or 0) + 3600 * (body.expires_in_hours or 0) or None
    user_id = owner if scope == "user" else body.user_id
    value = MemorySet(value=body.value, scope=body.scope, user_id=user_id, workflow_id=body.workflow_id, ttl=ttl)
    return bare(_entry(context, set_value(context.store, place, value, context.now, body.description, body.tags)), 201)


def delete_memory(context: RequestContext) -> Reply:
    """DELETE /api/v1/memory/{key}, which always deletes for good, whatever `hard_delete` says."""
    context.query.boolean("hard_delete", default=False)
    place = _place_in_query(context)
    memory.find_entry(context, place)
    context.store.memory.delete(*place)
    return no_content()


def find_memory(context: RequestContext) -> Reply:
    """POST /api/v1/memory/list and /search, the oldest first: the values that meet every condition.

    The query is a text in the key, the description or the value. An entry must have all of the tags.
    """
    body = read(MemoryQuery, context.body)
    scope, owner, _ = _place(context, body, "*")
    query, tags = body.query.casefold(), set(body.tags or ())

    def is_wanted(entry: StoredMemory) -> bool:
        texts = (entry["key"], entry.get("description") or "", as_text(entry["value"]))
        return (
            owner_of(scope, entry.get("user_id"), entry.get("workflow_id")) == owner
            and is_live(entry, context.now)
            and entry["key"].startswith(body.prefix)
            and tags <= set(entry.get("tags", ()))
            and any(query in text.casefold() for text in texts)
        )

    entries = filter(is_wanted, context.store.memory.records({"scope": scope}))
    return bare([_entry(context, entry) for entry in islice(entries, min(body.limit, SLICE_LIMIT))])


def list_tools(context: RequestContext) -> Reply:
    """GET /api/v1/tools: all, or those of a category."""
    category = context.query.text("category")
    return bare([_tool(context, tool) for tool in _tools(context) if category in (None, tool["category"])])


def get_tool(context: RequestContext) -> Reply:
    """GET /api/v1/tools/{tool_name}."""
    return bare(_tool(context, tools.requested_tool(context)))


def search_tools(context: RequestContext) -> Reply:
    """GET /api/v1/tools/search/{query}, the best first: a word counts twice in a name, and once in a description."""
    text = context.path["query"].casefold()
    words = set(re.findall(r"\w{3,}", text)) or {text}

    def relevance(tool: CatalogTool) -> float:
        name, description = tool["name"].casefold(), tool["description"].casefold()
        return sum(2 * (word in name) + (word in description) for word in words) / (3 * len(words))

    rated = [(relevance(tool), tool) for tool in _tools(context)]
    best = sorted((pair for pair in rated if pair[0]), key=lambda pair: -pair[0])
    return bare([_tool(context, tool) | {"relevance": rating} for rating, tool in best])


def list_categories(context: RequestContext) -> Reply:
    """GET /api/v1/tools/categories."""
    categories: dict[str, list[str]] = {}
    for tool in _tools(context):
        categories.setdefault(tool["category"], []).append(tool["name"])
    return bare([{"name": name, "count": len(names), "tools": names} for name, names in categories.items()])


def _in_todays_words(body: _FlaggedT) -> _FlaggedT:
    """Return a body whose definition has the words of the documented API in place of those of 0.2."""
    if body.definition is None:
        return body
    from fibonacci.definitions.files.legacy_dialect import in_todays_words  # it would slow the start of an emulator

    return body.model_copy(update={"definition": in_todays_words(body.definition)})


def _flags(workflow: StoredWorkflow) -> dict[str, bool]:
    is_active = workflow.get("status", "active") == "active"
    return {"is_active": is_active, "is_template": workflow.get("is_template", False)}


def _given_flags(body: FlaggedWorkflowCreate | FlaggedWorkflowUpdate) -> dict[str, object]:
    flags = {"status": "active" if body.is_active else "inactive", "is_template": body.is_template}
    named = {"status": "is_active", "is_template": "is_template"}
    return {name: value for name, value in flags.items() if named[name] in body.model_fields_set}


def _workflow(store: Store, workflow: StoredWorkflow) -> JSONObject:
    runs, milliseconds = store.executions.totals(workflow["id"])
    ended = sum(runs.get(status, 0) for status in TERMINAL)
    return {
        **_given(workflow, "id", "name", "description", "definition", "version"),
        **_flags(workflow),
        "total_runs": sum(runs.values()),
        "successful_runs": runs.get("completed", 0),
        "failed_runs": runs.get("failed", 0),
        "avg_duration_seconds": round(milliseconds / ended / 1000, 6) if ended else None,
        **_given(workflow, "organization_id", "created_at", "updated_at"),
    }


def _given(record: Mapping[str, object], *names: str) -> JSONObject:
    """Return fields of a record, or None for what it lacks."""
    return fields_of({name: record.get(name) for name in names})


def _reply(execution: StoredExecution, now: float) -> Reply:
    return bare(_run(execution, now))


def _run(execution: StoredExecution, now: float) -> JSONObject:
    view = view_of(execution, now)
    used: NodeUsage = {}
    for node in execution["nodes"]:
        used = usage_sum(used, node.get("usage")) or {}
    tokens = [used[name] for name in ("input_tokens", "output_tokens") if name in used]
    return {
        **{name: view[name] for name in ("workflow_id", "completed_at", "nodes_executed", "nodes_failed")},
        "id": execution["id"],
        "status": QUEUED if execution["status"] == WAITING else execution["status"],
        "started_at": iso(execution["started"]),
        "duration_seconds": None if execution["ended"] is None else elapsed_ms(execution, now) / 1000,
        "input_data": view.get("inputs"),
        "output_data": view["outputs"],
        "error_message": execution["error"],
        "total_cost": used.get("cost"),
        "total_tokens_used": sum(tokens) if tokens else None,
        **dict.fromkeys(("node_results", "logs")),
        "retry_count": 0,
    }


def _place_in_query(context: RequestContext) -> Key:
    _check_organization(context, context.query.text("organization_id"))
    return memory.place_in_query(context, context.actor.name)


def _place(context: RequestContext, body: MemoryOwner, key: str) -> Key:
    _check_organization(context, body.organization_id)
    user_id = body.user_id or (context.actor.name if body.scope == "user" else None)
    return memory.place_of(context, key, body.scope, user_id, body.workflow_id)


def _check_organization(context: RequestContext, organization: str | None) -> None:
    if organization not in (None, context.organization):
        raise not_found("organization_id", "organization", organization)


def _entry(context: RequestContext, entry: StoredMemory) -> JSONObject:
    names = ("key", "value", "scope", "workflow_id", "user_id", "description", "created_at", "updated_at")
    return {
        **_given(entry, *names),
        "organization_id": context.organization,
        "tags": [*entry.get("tags", [])],
        "expires_at": None if entry["expires"] is None else iso(entry["expires"]),
    }


def _tools(context: RequestContext) -> list[CatalogTool]:
    return all_tools(context.environment.handlers.tools)


def _tool(context: RequestContext, tool: CatalogTool) -> JSONObject:
    shown = tools.shown_tool(context, tool)
    shown["cost_per_use"], shown["input_schema"] = 0.0, tool["parameters"]
    return shown


_STATUSES: Final[Mapping[str, Sequence[str]]] = {
    "pending": (QUEUED, WAITING),
    **{status: (status,) for status in ("running", *sorted(TERMINAL))},
}

_IN_LIST: Final = ("id", "workflow_id", "status", "started_at", "completed_at", "duration_seconds", "total_cost")
"""The fields of a run in a list."""

ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/api/v1/workflows", list_workflows),
    Endpoint("POST", "/api/v1/workflows", create_workflow),
    Endpoint("GET", "/api/v1/workflows/{workflow_id}", get_workflow),
    Endpoint("PATCH", "/api/v1/workflows/{workflow_id}", update_workflow),
    Endpoint("DELETE", "/api/v1/workflows/{workflow_id}", workflows.delete_workflow),
    Endpoint("POST", "/api/v1/workflows/{workflow_id}/execute", execute_workflow),
    Endpoint("GET", "/api/v1/workflows/{workflow_id}/runs", list_runs),
    Endpoint("GET", "/api/v1/runs/{run_id}", get_run),
    Endpoint("POST", "/api/v1/memory", set_memory),
    Endpoint("POST", "/api/v1/memory/list", find_memory, role="viewer"),
    Endpoint("POST", "/api/v1/memory/search", find_memory, role="viewer"),
    Endpoint("GET", "/api/v1/memory/{key}", get_memory),
    Endpoint(
        "DELETE",
        "/api/v1/memory/{key}",
        delete_memory,
        query=("scope", "user_id", "workflow_id", "organization_id", "hard_delete"),
    ),
    Endpoint("GET", "/api/v1/tools", list_tools),
    Endpoint("GET", "/api/v1/tools/categories", list_categories),
    Endpoint("GET", "/api/v1/tools/search/{query}", search_tools),
    Endpoint("GET", "/api/v1/tools/{tool_name}", get_tool),
)

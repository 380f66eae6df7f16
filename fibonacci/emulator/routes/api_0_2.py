"""The API that fibonacci-sdk 0.2 speaks, below `/api/v1`, of the same objects: what it alone has is a 501.

The rules are those of the documented API, whose handlers do the work; here are the other names and shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from fibonacci.definitions.json_types import Whole
from fibonacci.definitions.templates import as_text
from fibonacci.emulator.context import Handler, RequestContext
from fibonacci.emulator.engine.emulator_warnings import EmulatorWarning
from fibonacci.emulator.engine.memory import MemorySet, Owner, is_live, owner_of, set_value
from fibonacci.emulator.engine.records import TERMINAL, WAITING, view_of
from fibonacci.emulator.engine.tool_catalog import all_tools
from fibonacci.emulator.engine.usage import usage_sum
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.errors import Detail, HTTPException, invalid, not_found
from fibonacci.emulator.http.paging import SLICE_LIMIT, sliced
from fibonacci.emulator.http.replies import Reply, bare, no_content
from fibonacci.emulator.http.router import API_0_2
from fibonacci.emulator.policy.admission import execute
from fibonacci.emulator.routes.executions import find_execution, reply_of_run
from fibonacci.emulator.routes.memory import find_entry, place_in_query, place_of
from fibonacci.emulator.routes.tools import requested_tool, shown_tool
from fibonacci.emulator.routes.workflows import (
    WorkflowCreate,
    WorkflowUpdate,
    add_workflow,
    change_workflow,
    delete_workflow,
    find_workflow,
)
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.store import Store, duration_of
from fibonacci.emulator.state.tables import Key, Record

_WITHOUT_BUILD: Final = ConfigDict(defer_build=True)  # most emulators are never sent one
_STATUSES: Final = {"pending": WAITING, **{status: status for status in ("running", *sorted(TERMINAL))}}
_WORD: Final = re.compile(r"\w{3,}")

_Count = Annotated[Whole, Field(ge=1)]


class FlaggedWorkflowCreate(WorkflowCreate):
    """The body of creating a workflow."""

    model_config: ClassVar[ConfigDict] = _WITHOUT_BUILD
    is_active: bool = True
    is_template: bool = False


class FlaggedWorkflowUpdate(WorkflowUpdate):
    """The body of updating a workflow; absent fields stay unchanged."""

    model_config: ClassVar[ConfigDict] = _WITHOUT_BUILD
    is_active: bool = True
    is_template: bool = False


class RunCreate(Body):
    """The body of executing a workflow."""

    model_config: ClassVar[ConfigDict] = _WITHOUT_BUILD
    input_data: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] | None = None
    secrets: dict[str, str] | None = None


class MemoryOwner(Body):
    """Whose memory a request is about."""

    model_config: ClassVar[ConfigDict] = _WITHOUT_BUILD
    scope: Literal["workflow", "user", "organization", "global"] = "workflow"
    workflow_id: Owner = None
    user_id: Owner = None
    organization_id: Owner = None


class MemoryWrite(MemoryOwner):
    """The body of setting a value."""

    key: Annotated[str, Field(min_length=1)]
    value: Any
    description: str | None = None
    tags: list[str] | None = None
    expires_in_days: _Count | None = None
    expires_in_hours: _Count | None = None


class MemoryListing(MemoryOwner):
    """The body of listing values."""

    prefix: str = ""
    tags: list[str] | None = None
    limit: _Count = SLICE_LIMIT


class MemorySearch(MemoryOwner):
    """The body of searching values."""

    query: str
    limit: _Count = 20


def list_workflows(context: RequestContext) -> Reply:
    """GET /api/v1/workflows, the oldest first."""
    query, table = context.query, context.store.workflows
    wanted = {
        name: query.boolean(name, default=False)
        for name in ("is_active", "is_template")
        if query.text(name) is not None
    }

    def rows(skip: int) -> Iterable[tuple[int, Record]]:
        if not wanted:
            return table.rows(skip=skip)
        return islice((row for row in table.rows() if wanted.items() <= _flags(row[1]).items()), skip, None)

    return sliced(rows, query, kind="workflows", show=partial(_workflow, context.store))


def create_workflow(context: RequestContext) -> Reply:
    """POST /api/v1/workflows."""
    body = read(FlaggedWorkflowCreate, context.body)
    return bare(_workflow(context.store, add_workflow(context, body, **_record_of_flags(body, {}))), 201)


def get_workflow(context: RequestContext) -> Reply:
    """GET /api/v1/workflows/{workflow_id}."""
    return bare(_workflow(context.store, find_workflow(context)))


def update_workflow(context: RequestContext) -> Reply:
    """PATCH /api/v1/workflows/{workflow_id}; flags are no part of a version."""
    workflow = find_workflow(context)
    body = read(FlaggedWorkflowUpdate, context.body)
    return bare(_workflow(context.store, change_workflow(context, workflow, body, **_record_of_flags(body, workflow))))


def execute_workflow(context: RequestContext) -> Reply:
    """POST /api/v1/workflows/{workflow_id}/execute. A run has no secrets but those of the emulator."""
    workflow = find_workflow(context)
    body = read(RunCreate, context.body)
    for name, value in (body.secrets or {}).items():
        if context.environment.secrets.get(name) != value:
            message = "a run has the emulator's own secrets only: pass this one in Emulator(secrets=...)"
            raise invalid(Detail(f"secrets.{name}", message))
    if body.tags:
        place = f"POST {API_0_2}workflows/{{workflow_id}}/execute tags"
        warning = EmulatorWarning(code="no_effect", location=place, message="the tags of a run are not kept")
        context.environment.warnings.report([warning])
    return reply_of_run(context, execute(context, workflow, body.input_data), _reply)


def list_runs(context: RequestContext) -> Reply:
    """GET /api/v1/workflows/{workflow_id}/runs, the newest first."""
    name = ["workflow_id", find_workflow(context)["id"]]
    if context.query.text("status_filter") is not None:
        name += ["status", _STATUSES[context.query.choice("status_filter", list(_STATUSES), default="")]]

    def rows(skip: int) -> Iterator[tuple[int, Record]]:
        return context.store.executions.rows(*name, newest_first=True, brief=True, skip=skip)

    def show(execution: Record) -> Record:
        run = _run({"inputs": None, **execution}, context.now)
        return {name: run[name] for name in _IN_LIST}

    return sliced(rows, context.query, kind="runs", show=show)


def get_run(context: RequestContext) -> Reply:
    """GET /api/v1/runs/{run_id}."""
    execution = context.scheduler.refresh(find_execution(context, "run_id"), context.now)
    return reply_of_run(context, execution, _reply)


def get_memory(context: RequestContext) -> Reply:
    """GET /api/v1/memory/{key}; a user is by default the caller, as in all calls of memory."""
    return bare(_entry(context, find_entry(context, _place_in_query(context))))


def set_memory(context: RequestContext) -> Reply:
    """POST /api/v1/memory."""
    body = read(MemoryWrite, context.body)
    scope, owner, _ = place = _place(context, body, body.key)
    hours = 24 * (body.expires_in_days or 0) + (body.expires_in_hours or 0)
    value = MemorySet(
        value=body.value,
        scope=body.scope,
        user_id=owner if scope == "user" else body.user_id,
        workflow_id=body.workflow_id,
        ttl=3600 * hours or None,
    )
    about = {name: getattr(body, name) for name in ("description", "tags") if getattr(body, name)}
    return bare(_entry(context, set_value(context.store, place, value, context.now, about)), 201)


def delete_memory(context: RequestContext) -> Reply:
    """DELETE /api/v1/memory/{key}; nothing of it is kept, whatever `hard_delete` is."""
    context.query.boolean("hard_delete", default=False)
    place = _place_in_query(context)
    find_entry(context, place)
    context.store.memory.delete(*place)
    return no_content()


def list_memory(context: RequestContext) -> Reply:
    """POST /api/v1/memory/list, the oldest first: the values with the prefix and with each of the tags."""
    body = read(MemoryListing, context.body)
    tags = set(body.tags or ())
    found = (e for e in _entries(context, body) if e["key"].startswith(body.prefix) and tags <= set(e["tags"]))
    return bare(list(islice(found, min(body.limit, SLICE_LIMIT))))


def search_memory(context: RequestContext) -> Reply:
    """POST /api/v1/memory/search, the oldest first: the values with a text in the key, the description or the value."""
    body = read(MemorySearch, context.body)
    wanted = body.query.casefold()

    def has_text(entry: Record) -> bool:
        texts = (entry["key"], entry["description"] or "", as_text(entry["value"]))
        return any(wanted in text.casefold() for text in texts)

    return bare(list(islice(filter(has_text, _entries(context, body)), min(body.limit, SLICE_LIMIT))))


def list_tools(context: RequestContext) -> Reply:
    """GET /api/v1/tools: all, or those of a category."""
    category = context.query.text("category")
    return bare([tool for tool in _tools(context) if category in (None, tool["category"])])


def get_tool(context: RequestContext) -> Reply:
    """GET /api/v1/tools/{tool_name}."""
    return bare(_tool(context, requested_tool(context)))


def search_tools(context: RequestContext) -> Reply:
    """GET /api/v1/tools/search/{query}, the best first: a word counts twice in a name, and once in a description."""
    text = context.path["query"].casefold()
    words = set(_WORD.findall(text)) or {text}

    def relevance(tool: Record) -> float:
        name, description = tool["name"].casefold(), tool["description"].casefold()
        return sum(2 * (word in name) + (word in description) for word in words) / (3 * len(words))

    found = [tool | {"relevance": relevance(tool)} for tool in _tools(context)]
    return bare(sorted((tool for tool in found if tool["relevance"]), key=lambda tool: -tool["relevance"]))


def list_categories(context: RequestContext) -> Reply:
    """GET /api/v1/tools/categories."""
    categories: dict[str, list[str]] = {}
    for tool in all_tools(context.environment.handlers.tools):
        categories.setdefault(tool["category"], []).append(tool["name"])
    return bare([{"name": name, "count": len(tools), "tools": tools} for name, tools in categories.items()])


def _not_served(endpoint: str, context: RequestContext) -> Reply:
    message = f"The emulator does not have {endpoint}: of the API of 0.2 it has workflows, runs, memory and tools."
    raise HTTPException(501, "not_implemented", message, [Detail("path", message)])


def _flags(workflow: Record) -> dict[str, bool]:
    return {
        "is_active": workflow.get("status", "active") == "active",
        "is_template": workflow.get("is_template", False),
    }


def _record_of_flags(body: FlaggedWorkflowCreate | FlaggedWorkflowUpdate, workflow: Record) -> Record:
    """Return what the flags of a body change in a record; one that was never a template has no such field."""
    changes: Record = {}
    if "is_active" in body.model_fields_set:
        changes["status"] = "active" if body.is_active else "inactive"
    if "is_template" in body.model_fields_set and (body.is_template or "is_template" in workflow):
        changes["is_template"] = body.is_template
    return changes


def _workflow(store: Store, workflow: Record) -> Record:
    runs = store.executions.counts("workflow_id", workflow["id"], "status")
    ended = sum(runs.get(status, 0) for status in TERMINAL)
    shown = {name: workflow.get(name) for name in ("id", "name", "description", "definition", "version")}
    return {
        **shown,
        **_flags(workflow),
        "organization_id": workflow.get("organization_id"),
        "total_runs": sum(runs.values()),
        "successful_runs": runs.get("completed", 0),
        "failed_runs": runs.get("failed", 0),
        "avg_duration_seconds": _mean_seconds(store, workflow["id"], ended) if ended else None,
        "created_at": workflow.get("created_at"),
        "updated_at": workflow.get("updated_at"),
    }


def _mean_seconds(store: Store, workflow_id: str, ended: int) -> float:
    """Return how long the runs of a workflow took, of which so many have ended."""
    name = ("workflow_id", workflow_id)
    if store.executions.count(*name, "duration") == ended:
        digits = store.executions.counts(*name, "duration")
        total = sum(count << int(digit) for digit, count in digits.items())
    else:  # a file of an earlier version has no sums
        runs = store.executions.records(*name)
        total = sum(duration_of(run) for run in runs if run["ended"] is not None)
    return round(total / ended / 1000, 6)


def _reply(execution: Record, now: float) -> Reply:
    return bare(_run(execution, now))


def _run(execution: Record, now: float) -> Record:
    view = view_of(execution, now)
    used: Record = {}
    for node in execution["nodes"]:
        used = usage_sum(used, node.get("usage")) or {}
    tokens = [used[name] for name in ("input_tokens", "output_tokens") if name in used]
    return {
        "id": execution["id"],
        "workflow_id": execution["workflow_id"],
        "status": "pending" if execution["status"] == WAITING else execution["status"],
        "started_at": iso(execution["started"]),
        "completed_at": view["completed_at"],
        "duration_seconds": None if execution["ended"] is None else view["duration_ms"] / 1000,
        "input_data": execution["inputs"],
        "output_data": view["outputs"],
        "error_message": execution["error"],
        "total_cost": used.get("cost"),
        "nodes_executed": view["nodes_executed"],
        "nodes_failed": view["nodes_failed"],
        "node_results": None,
        "logs": None,
        "retry_count": 0,
        "total_tokens_used": sum(tokens) if tokens else None,
    }


def _place_in_query(context: RequestContext) -> Key:
    _check_organization(context, context.query.text("organization_id"))
    return place_in_query(context, context.actor)


def _place(context: RequestContext, body: MemoryOwner, key: str) -> Key:
    _check_organization(context, body.organization_id)
    user_id = body.user_id or (context.actor if body.scope == "user" else None)
    return place_of(context, key, body.scope, user_id, body.workflow_id)


def _check_organization(context: RequestContext, organization: str | None) -> None:
    if organization not in (None, context.organization):
        raise not_found("organization_id", "organization", organization)


def _entries(context: RequestContext, body: MemoryOwner) -> Iterator[Record]:
    """Yield the values of an owner, the oldest first."""
    scope, owner, _ = _place(context, body, "*")
    for entry in context.store.memory.records(scope):
        if owner_of(scope, entry.get("user_id"), entry.get("workflow_id")) == owner and is_live(entry, context.now):
            yield _entry(context, entry)


def _entry(context: RequestContext, entry: Record) -> Record:
    return {
        "key": entry["key"],
        "value": entry["value"],
        "scope": entry["scope"],
        "workflow_id": entry.get("workflow_id"),
        "user_id": entry.get("user_id"),
        "organization_id": context.organization,
        "description": entry.get("description"),
        "tags": entry.get("tags", []),
        "expires_at": None if entry["expires"] is None else iso(entry["expires"]),
        "created_at": entry["created_at"],
        "updated_at": entry.get("updated_at"),
    }


def _tools(context: RequestContext) -> list[Record]:
    return [_tool(context, tool) for tool in all_tools(context.environment.handlers.tools)]


def _tool(context: RequestContext, tool: Record) -> Record:
    return shown_tool(context, tool) | {"cost_per_use": 0.0, "input_schema": tool["parameters"]}


_IN_LIST: Final = ("id", "workflow_id", "status", "started_at", "completed_at", "duration_seconds", "total_cost")
"""The fields of a run in a list."""

_NOT_SERVED: Final[Mapping[str, str]] = {
    "GET": """api-keys api-keys/{key_id} auth/me auth/mfa/status critic/dashboard invites/{token}/validate me/secrets
        organizations/{organization_id} organizations/{organization_id}/members stats
        workflows/{workflow_id}/evaluations workflows/{workflow_id}/stats""",
    "POST": """api-keys api-keys/{key_id}/activate api-keys/{key_id}/revoke auth/change-password auth/login auth/logout
        auth/mfa/disable auth/mfa/enable auth/mfa/setup auth/mfa/verify auth/refresh auth/register
        invites/{token}/accept me/secrets organizations organizations/{organization_id}/invites workflows/generate
        workflows/generate/simple workflows/{workflow_id}/analyze workflows/{workflow_id}/deploy-optimized""",
    "PATCH": "api-keys/{key_id} organizations/{organization_id}",
    "DELETE": "api-keys/{key_id} me/secrets/{secret_name} organizations/{organization_id}/members/{user_id}",
}

_SERVED: Final[Sequence[tuple[str, str, Handler]]] = [
    ("GET", "/workflows", list_workflows),
    ("POST", "/workflows", create_workflow),
    ("GET", "/workflows/{workflow_id}", get_workflow),
    ("PATCH", "/workflows/{workflow_id}", update_workflow),
    ("DELETE", "/workflows/{workflow_id}", delete_workflow),
    ("POST", "/workflows/{workflow_id}/execute", execute_workflow),
    ("GET", "/workflows/{workflow_id}/runs", list_runs),
    ("GET", "/runs/{run_id}", get_run),
    ("POST", "/memory", set_memory),
    ("POST", "/memory/list", list_memory),
    ("POST", "/memory/search", search_memory),
    ("GET", "/memory/{key}", get_memory),
    ("DELETE", "/memory/{key}", delete_memory),
    ("GET", "/tools", list_tools),
    ("GET", "/tools/categories", list_categories),
    ("GET", "/tools/search/{query}", search_tools),
    ("GET", "/tools/{tool_name}", get_tool),
]

NOT_SERVED: Final = [(method, f"{API_0_2}{path}") for method, paths in _NOT_SERVED.items() for path in paths.split()]
"""What 0.2 has and the emulator does not: a 501 that says so."""

ENDPOINTS: Final[Sequence[tuple[str, str, Handler]]] = [
    *((method, template, partial(_not_served, f"{method} {template}")) for method, template in NOT_SERVED),
    *((method, f"{API_0_2}{path[1:]}", handler) for method, path, handler in _SERVED),
]

READS: Final = frozenset({*NOT_SERVED, ("POST", f"{API_0_2}memory/list"), ("POST", f"{API_0_2}memory/search")})
"""The endpoints that change nothing, besides those with `GET`."""

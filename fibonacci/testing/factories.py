"""Factories of every model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from fibonacci.models import (
    ApprovalStats,
    AuditEntry,
    Execution,
    GovernanceReport,
    GovernanceSettings,
    Headers,
    Health,
    MemoryEntry,
    Model,
    NodeTrace,
    Page,
    Quota,
    RateLimit,
    RegistryEntry,
    ResponseInfo,
    RolePolicyOverride,
    SecretsHealth,
    Tool,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)
from fibonacci.models._base import attach_response

T = TypeVar("T")


def make_rate_limit(limit: int = 60, remaining: int = 59, reset_at: datetime | None = None) -> RateLimit:
    """Make a rate limit, as the headers of a response report it.

    Args:
        limit: The number of requests that the plan allows in a window.
        remaining: The number of requests left in the window.
        reset_at: When the next window begins, with a time zone. Default: a fixed time in UTC.

    Returns:
        What `.rate_limit` of a response would be.

    Example:
        >>> make_rate_limit(limit=300, remaining=0).remaining
        0
    """
    reset_at = reset_at or datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    return RateLimit(limit=limit, remaining=remaining, reset_at=reset_at)


def make_response(
    status_code: int = 200,
    *,
    request_id: str | None = "req_abc123",
    headers: Mapping[str, str] | None = None,
    rate_limit: RateLimit | None = None,
    attempts: int = 1,
    elapsed: float = 0.05,
) -> ResponseInfo:
    """Make the HTTP response that carried a model.

    Args:
        status_code: The HTTP status code.
        request_id: The request ID that the platform assigned.
        headers: The headers by name. Default: only `Content-Type`.
        rate_limit: The rate limit. Default: that of `make_rate_limit()`.
        attempts: How many times the request was sent.
        elapsed: How many seconds the call took, including waits.

    Returns:
        What `.response` of a model would be.

    Example:
        >>> make_response(503, attempts=3).attempts
        3
    """
    fields = {"content-type": "application/json"} if headers is None else headers
    return ResponseInfo(
        status_code=status_code,
        request_id=request_id,
        headers=Headers(fields.items()),
        rate_limit=rate_limit or make_rate_limit(),
        attempts=attempts,
        elapsed=elapsed,
    )


def make_page(items: Iterable[T], *, next_cursor: str | None = None, response: ResponseInfo | None = None) -> Page[T]:
    """Make a page of a list, by default the last one.

    Args:
        items: What is on the page, in this order.
        next_cursor: The cursor of the next page. Default: None, which makes it the last page.
        response: The HTTP response that the page came in. Default: a successful one.

    Returns:
        A page like those that `pager.pages()` yields.

    Example:
        >>> len(make_page(["first", "second"]))
        2
    """
    return Page(items=list(items), response=response or make_response(), next_cursor=next_cursor)


ModelT = TypeVar("ModelT", bound=Model)

CREATED: Final = "2026-01-02T03:04:05Z"

_TYPO_SIMILARITY: Final = 0.85


def build(
    model: type[ModelT], defaults: Mapping[str, Any], changes: Mapping[str, Any], response: ResponseInfo | None
) -> ModelT:
    """Build a model as if it had come in a response.

    Args:
        model: The class of the model.
        defaults: The fields of a response.
        changes: Fields that replace the defaults, and further ones.
        response: The HTTP response. Default: that of `make_response()`.

    Returns:
        The model.

    Raises:
        TypeError: If a name of the changes resembles that of a field. Unknown fields are allowed, so that a typo would
            go unnoticed.
        pydantic.ValidationError: If a value does not have the type of its field. A value that is converted, such as a
        time, may have any type.
    """
    _refuse_typos(model, {field.alias or name for name, field in model.model_fields.items()} | set(defaults), changes)
    result = model.model_validate({**deepcopy(dict(defaults)), **changes})  # models share nothing
    attach_response([result], response or make_response())
    return result


def _refuse_typos(model: type[Model], known: set[str], changes: Mapping[str, Any]) -> None:
    for name in changes:
        near = [] if name in known else get_close_matches(name, known, n=1, cutoff=_TYPO_SIMILARITY)
        if near:
            raise TypeError(f"{model.__name__} has no field {name!r}. Did you mean {near[0]!r}?")


_SETTINGS: Final = {
    "require_approval_for_external_comm": False,
    "require_approval_for_public_writes": False,
    "require_approval_for_permission_changes": False,
    "allow_self_approval": False,
    "approval_threshold": 1,
    "category_flags": {"financial": False, "pii": False},
}
_REPORT: Final = {"organization_id": "org-abc123", "generated_at": CREATED}
_AUDIT_ENTRY: Final = {
    "id": "audit_abc123",
    "actor": "owner",
    "action": "governance.updated",
    "target": "governance",
    "changes": {"approval_threshold": {"from": 1, "to": 2}},
    "created_at": CREATED,
}
_APPROVALS: Final = {
    "organization_id": "org-abc123",
    "pending": 0,
    "approved": 0,
    "rejected": 0,
    "expired": 0,
    "cancelled": 0,
    "total": 0,
}
_LIMITS: Final = {"workflow_runs_per_hour": 60, "concurrent_executions": 2, "memory_mb": 256}
_QUOTA: Final = {"plan": "free", "limits": _LIMITS, "overrides": {}, "effective": _LIMITS}
_POLICY: Final = {
    "tool_name": "slack_send_message",
    "enabled": True,
    "allowed_roles": ["owner", "admin", "member", "viewer"],
    "created_at": CREATED,
    "updated_at": CREATED,
}
_OVERRIDE: Final = {
    "role": "viewer",
    "tool_name": "slack_send_message",
    "enabled": False,
    "created_at": CREATED,
    "updated_at": CREATED,
}


def make_governance_settings(*, response: ResponseInfo | None = None, **changes: Any) -> GovernanceSettings:
    """Make governance settings that require no approval.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_governance_settings(approval_threshold=2).approval_threshold
        2
    """
    return build(GovernanceSettings, _SETTINGS, changes, response)


def make_governance_report(*, response: ResponseInfo | None = None, **changes: Any) -> GovernanceReport:
    """Make a governance report, whose fields the platform does not document.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_governance_report(workflows=3).model_dump()["workflows"]
        3
    """
    return build(GovernanceReport, _REPORT, changes, response)


def make_audit_entry(*, response: ResponseInfo | None = None, **changes: Any) -> AuditEntry:
    """Make an entry of the audit log, whose fields the platform does not document.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_audit_entry(actor="admin").model_dump()["actor"]
        'admin'
    """
    return build(AuditEntry, _AUDIT_ENTRY, changes, response)


def make_approval_stats(*, response: ResponseInfo | None = None, **changes: Any) -> ApprovalStats:
    """Make approval statistics.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_approval_stats(pending=2).pending
        2
    """
    return build(ApprovalStats, _APPROVALS, changes, response)


def make_quota(*, response: ResponseInfo | None = None, **changes: Any) -> Quota:
    """Make the quota of an organization on the plan `free`.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_quota(plan="pro").plan
        'pro'
    """
    return build(Quota, _QUOTA, changes, response)


def make_tool_policy(*, response: ResponseInfo | None = None, **changes: Any) -> ToolPolicy:
    """Make a tool policy that allows the tool for every role.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_tool_policy(enabled=False).enabled
        False
    """
    return build(ToolPolicy, _POLICY, changes, response)


def make_role_policy_override(*, response: ResponseInfo | None = None, **changes: Any) -> RolePolicyOverride:
    """Make an exception to a tool policy, for one role.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_role_policy_override(role="member").role
        'member'
    """
    return build(RolePolicyOverride, _OVERRIDE, changes, response)


_MEMORY: Final = {
    "key": "prefs",
    "value": {"theme": "dark"},
    "scope": "workflow",
    "user_id": None,
    "workflow_id": None,
    "ttl": None,
    "expires_at": None,
    "created_at": CREATED,
    "updated_at": CREATED,
}
_TOOL: Final = {"name": "slack_send_message", "description": "Send a message to a Slack channel."}
_CONNECTION: Final = {"name": "slack_send_message", "status": "connected"}
_HEALTH: Final = {"status": "healthy"}
_SECRETS: Final = {
    "status": "healthy",
    "backend": "aws_secrets_manager",
    "checks": {"list_secrets": "ok", "get_secret": "ok"},
}


def make_memory_entry(*, response: ResponseInfo | None = None, **changes: Any) -> MemoryEntry:
    """Make a memory entry, by default in the scope `workflow` and without an expiry.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_memory_entry(value=[1, 2]).value
        [1, 2]
    """
    return build(MemoryEntry, _MEMORY, changes, response)


def make_tool(*, response: ResponseInfo | None = None, **changes: Any) -> Tool:
    """Make a tool of the catalog, `slack_send_message` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_tool(name="web_search").name
        'web_search'
    """
    return build(Tool, _TOOL, changes, response)


def make_tool_connection(*, response: ResponseInfo | None = None, **changes: Any) -> ToolConnection:
    """Make the connection of a tool, `connected` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_tool_connection(status="expired").status
        'expired'
    """
    return build(ToolConnection, _CONNECTION, changes, response)


def make_health(*, response: ResponseInfo | None = None, **changes: Any) -> Health:
    """Make the health of the platform, `healthy` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> from fibonacci.testing import make_response
        >>> make_health(response=make_response(503)).healthy
        False
    """
    return build(Health, _HEALTH, changes, response)


def make_secrets_health(*, response: ResponseInfo | None = None, **changes: Any) -> SecretsHealth:
    """Make the health of the secret store, `healthy` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_secrets_health(backend="vault").backend
        'vault'
    """
    return build(SecretsHealth, _SECRETS, changes, response)


_DEFINITION: Final = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
_WORKFLOW: Final = {
    "id": "wf-abc123",
    "name": "Greeter",
    "description": None,
    "definition": _DEFINITION,
    "version": 1,
    "status": "active",
    "created_at": CREATED,
    "updated_at": CREATED,
}
_VERSION: Final = {
    "version": 1,
    "workflow_id": "wf-abc123",
    "name": "Greeter",
    "description": None,
    "definition": _DEFINITION,
    "created_at": CREATED,
}
_EXECUTION: Final = {
    "id": "exec_abc123",
    "status": "completed",
    "workflow_id": "wf-abc123",
    "outputs": {"greet": "Hello Ada"},
    "duration_ms": 1200,
    "nodes_executed": 1,
    "nodes_failed": 0,
    "created_at": CREATED,
    "updated_at": CREATED,
}
_NODE: Final = {
    "id": "greet",
    "type": "llm",
    "status": "completed",
    "started_at": CREATED,
    "ended_at": CREATED,
    "attempts": 1,
    "iteration": 1,
    "input": {"instruction": "Greet Ada"},
    "output": "Hello Ada",
    "error": None,
    "reason": None,
}
_ENTRY: Final = {
    "workflow_id": "wf-abc123",
    "name": "Greeter",
    "status": "approved",
    "created_at": CREATED,
    "updated_at": CREATED,
}


def make_workflow(*, response: ResponseInfo | None = None, **changes: Any) -> Workflow:
    """Make a workflow, with one node by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_workflow(name="News").name
        'News'
    """
    return build(Workflow, _WORKFLOW, changes, response)


def make_workflow_version(*, response: ResponseInfo | None = None, **changes: Any) -> WorkflowVersion:
    """Make a snapshot of a workflow, version 1 by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_workflow_version(version=2).version
        2
    """
    return build(WorkflowVersion, _VERSION, changes, response)


def make_execution(*, response: ResponseInfo | None = None, **changes: Any) -> Execution:
    """Make an execution, `completed` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_execution(status="failed", outputs={}).succeeded
        False
    """
    return build(Execution, _EXECUTION, changes, response)


def make_node_trace(*, response: ResponseInfo | None = None, **changes: Any) -> NodeTrace:
    """Make the trace of a node, `completed` by default.

    To use it in `make_execution(trace=[...])`, dump it first: `make_node_trace(id="sum").model_dump()`.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_node_trace(status="failed", output=None, error="no value").error
        'no value'
    """
    return build(NodeTrace, _NODE, changes, response)


def make_registry_entry(*, response: ResponseInfo | None = None, **changes: Any) -> RegistryEntry:
    """Make a registry entry, `approved` by default.

    Args:
        response: The HTTP response that the model came in. Default: a successful one.
        changes: Keyword arguments that replace defaults or add fields. Use the fields' names in a response.

    Returns:
        The model, as if the platform had sent it.

    Example:
        >>> make_registry_entry(status="archived").status
        'archived'
    """
    return build(RegistryEntry, _ENTRY, changes, response)

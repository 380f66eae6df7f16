"""The type of every call of `Fibonacci`, as type checkers see it. They are the test: it is not run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_type

from fibonacci import Fibonacci, Page, Pager, RateLimit, ResponseInfo, RetryEvent
from fibonacci.definitions import WorkflowDefinition
from fibonacci.models import (
    ApprovalStats,
    AuditEntry,
    Execution,
    GovernanceReport,
    GovernanceSettings,
    Headers,
    Health,
    MemoryEntry,
    Quota,
    RegistryEntry,
    RolePolicyOverride,
    SecretsHealth,
    Tool,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)


def told(event: RetryEvent) -> None:
    assert_type(event.attempt, int)
    assert_type(event.wait, float)
    assert_type(event.cause, str)


def key() -> str:
    return "key"


def clients() -> None:
    assert_type(Fibonacci(), Fibonacci)
    assert_type(Fibonacci("key", timeout=None, max_retries=0, headers={"X": "y"}, on_retry=told), Fibonacci)
    assert_type(Fibonacci(key, base_url="https://a.example", idempotency="server", ca_bundle="x.pem"), Fibonacci)
    with Fibonacci() as client:
        assert_type(client, Fibonacci)
        assert_type(client.with_options(timeout=1.5, max_retries=0, headers={"X": "y"}), Fibonacci)
        assert_type(client.rate_limit, RateLimit | None)
        assert_type(client.base_url, str)
        client.close()


def workflows(client: Fibonacci, definition: WorkflowDefinition) -> None:
    assert_type(client.workflows.list(), Pager[Workflow])
    assert_type(client.workflows.list(limit=5, cursor=None), Pager[Workflow])
    assert_type(client.workflows.create(name="x"), Workflow)
    assert_type(client.workflows.create(name="x", description=None, definition={"nodes": []}), Workflow)
    assert_type(client.workflows.create(name="x", definition=definition), Workflow)
    assert_type(client.workflows.get("w"), Workflow)
    assert_type(client.workflows.update("w", name="y", definition=None), Workflow)
    assert_type(client.workflows.delete("w"), None)
    assert_type(client.workflows.execute("w", inputs={"a": 1}), Execution)
    assert_type(client.workflows.run("w", inputs={"a": 1}, timeout=None, on_update=print), Execution)


def executions(client: Fibonacci) -> None:
    assert_type(client.executions.get("e"), Execution)
    assert_type(client.executions.list(workflow_id="w", status="running", limit=1, cursor="c"), Pager[Execution])
    assert_type(client.executions.list(status="invented"), Pager[Execution])
    assert_type(client.executions.cancel("e"), Execution)
    assert_type(client.executions.wait("e", timeout=1, on_update=print), Execution)


def versions(client: Fibonacci) -> None:
    assert_type(client.versions.list("w", limit=1), Pager[WorkflowVersion])
    assert_type(client.versions.get("w", 1), WorkflowVersion)
    assert_type(client.versions.get("w", "one"), WorkflowVersion)
    assert_type(client.versions.rollback("w", 1), WorkflowVersion)


def registry(client: Fibonacci) -> None:
    assert_type(client.registry.approve_template("w"), RegistryEntry)
    assert_type(client.registry.deprecate("w"), RegistryEntry)
    assert_type(client.registry.archive("w"), RegistryEntry)
    assert_type(client.registry.list(include_archived=True), Pager[RegistryEntry])


def organizations(client: Fibonacci) -> None:
    governance = client.organizations.governance
    assert_type(governance.get("o"), GovernanceSettings)
    assert_type(governance.update("o", allow_self_approval=True, category_flags={"pii": True}), GovernanceSettings)
    assert_type(governance.report("o"), GovernanceReport)
    assert_type(governance.audit("o", limit=1), Pager[AuditEntry])
    assert_type(governance.approvals("o"), ApprovalStats)
    quota = client.organizations.quota
    assert_type(quota.get("o"), Quota)
    assert_type(quota.update("o", memory_mb=1, concurrent_executions=None), Quota)
    tool_policies = client.organizations.tool_policies
    assert_type(tool_policies.list("o"), Pager[ToolPolicy])
    assert_type(tool_policies.create("o", tool_name="t", enabled=True, allowed_roles=("owner", "x")), ToolPolicy)
    assert_type(tool_policies.update("o", "t", enabled=False), ToolPolicy)
    assert_type(tool_policies.delete("o", "t"), None)
    assert_type(tool_policies.list_role_overrides("o"), Pager[RolePolicyOverride])
    assert_type(tool_policies.create_role_override("o", role="viewer", tool_name="t"), RolePolicyOverride)


def memory(client: Fibonacci) -> None:
    assert_type(client.memory.get("k", scope="user", user_id="u"), MemoryEntry)
    assert_type(client.memory.set("k", {"any": ["json", None]}, ttl=60, scope="invented"), MemoryEntry)
    assert_type(client.memory.delete("k"), None)


def tools(client: Fibonacci) -> None:
    assert_type(client.tools.list(), Pager[Tool])
    assert_type(client.tools.get("t"), Tool)
    assert_type(client.tools.connect("t", params={"a": 1}), ToolConnection)


def health(client: Fibonacci) -> None:
    assert_type(client.health.check(), Health)
    assert_type(client.health.secrets(), SecretsHealth)
    assert_type(client.health.check().healthy, bool)


def requests(client: Fibonacci) -> None:
    assert_type(client.request("GET", "/x"), Any)
    assert_type(client.request("GET", "/x", params={"a": 1, "b": None}, returns=Workflow), Workflow)
    assert_type(client.request("POST", "/x", json=None, returns=list[int]), list[int])


def pagers(client: Fibonacci) -> None:
    for workflow in client.workflows.list():
        assert_type(workflow, Workflow)
    assert_type(client.workflows.list().pages(), Iterator[Page[Workflow]])
    for page in client.workflows.list().pages():
        assert_type(page.items, list[Workflow])
        assert_type(page.response, ResponseInfo)
    assert_type(client.workflows.list().first(), Workflow | None)


def answers(client: Fibonacci) -> None:
    execution = client.executions.get("e")
    assert_type(execution.id, str)
    assert_type(execution.outputs, dict[str, Any])
    assert_type(execution.is_terminal, bool)
    assert_type(execution.succeeded, bool)
    assert_type(execution.created_at, datetime | None)
    assert_type(execution.duration_ms, int | float | None)
    assert_type(execution.response.headers, Headers)
    assert_type(execution.response.request_id, str | None)
    assert_type(execution.response.rate_limit, RateLimit | None)
    assert_type(client.organizations.quota.get("o").effective, dict[str, int | float | None])

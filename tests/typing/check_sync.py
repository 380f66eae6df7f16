"""The types of `Fibonacci` that differ in kind, as type checkers see them. They are the test: it is not run.

`tests/endpoints/test_surface.py` compares the annotation of every endpoint with the endpoint table.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import pandas
import polars
from pydantic import BaseModel

from fibonacci import (
    DeploymentPlan,
    DeploymentResult,
    Fibonacci,
    Page,
    Pager,
    RateLimit,
    ResponseInfo,
    RetryEvent,
    RunResult,
    Runs,
    RunsEstimate,
    RunsSummary,
    WorkflowBuilder,
)
from fibonacci.definitions import WorkflowDefinition
from fibonacci.models import (
    Execution,
    GovernanceSettings,
    Headers,
    MemoryEntry,
    Quota,
    RegistryEntry,
    RolePolicyOverride,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)


class SyncGreeting(BaseModel):
    name: str


def told(event: RetryEvent) -> None:
    assert_type(event.attempt, int)
    assert_type(event.seconds, float)
    assert_type(event.reason, str)


def key() -> str:
    return "key"


def clients() -> None:
    assert_type(Fibonacci(), Fibonacci)
    assert_type(Fibonacci("key", timeout=None, max_retries=0, headers={"X": "y"}, on_retry=told), Fibonacci)
    assert_type(Fibonacci(key, base_url="https://a.example", idempotency="server", ca_bundle="x.pem"), Fibonacci)
    with Fibonacci() as client:
        assert_type(client, Fibonacci)
        assert_type(client.with_options(timeout=1.5, max_retries=0, headers={"X": "y"}), Fibonacci)
        assert_type(client.with_options(api_key="other", base_url="https://b.example", headers={"X": None}), Fibonacci)
        assert_type(client.reset_rate_limit(), None)
        assert_type(client.rate_limit, RateLimit | None)
        assert_type(client.base_url, str)
        client.close()


def waiting(client: Fibonacci) -> None:
    assert_type(client.workflows.run("w", inputs={"a": 1}, timeout=None, on_update=print), Execution)
    assert_type(client.workflows.run("w", inputs=SyncGreeting(name="Ada")), Execution)
    assert_type(client.executions.wait("e", timeout=1, on_update=print, progress=True), Execution)
    assert_type(client.executions.wait_all(["e", "f"], timeout=None), list[Execution])
    assert_type(client.executions.watch("e", timeout=1), Iterator[Execution])
    assert_type(client.executions.retry("e"), Execution)
    assert_type(client.executions.cancel("e", if_ended="ignore"), Execution)
    assert_type(client.executions.cancel_all(workflow_id="w"), list[Execution])


def deploying(client: Fibonacci) -> None:
    plan = client.workflows.plan("flows")
    assert_type(client.workflows.plan(Path("flows")), DeploymentPlan)
    assert_type(client.workflows.apply(plan, allow_delete=True), DeploymentResult)
    assert_type(client.workflows.pull("w", "flows", overwrite=True), Path)


def arguments(client: Fibonacci, definition: WorkflowDefinition, flow: WorkflowBuilder) -> None:
    assert_type(client.workflows.create(name="x", description=None, definition={"nodes": []}), Workflow)
    assert_type(client.workflows.create(name="x", definition=definition), Workflow)
    assert_type(client.workflows.create(definition), Workflow)
    assert_type(client.workflows.create(flow, name="x", description=None), Workflow)
    assert_type(client.workflows.find("x"), Workflow | None)
    assert_type(client.workflows.create({"name": "x", "nodes": []}), Workflow)
    assert_type(client.workflows.ensure(flow), Workflow)
    assert_type(client.workflows.ensure(name="x", description=None, definition=definition), Workflow)
    assert_type(client.workflows.update("w", name="y", definition=None), Workflow)
    assert_type(client.workflows.update(client.workflows.get("w"), definition=flow), Workflow)
    assert_type(client.workflows.execute("w", inputs={"a": 1}), Execution)
    assert_type(client.workflows.execute("w", inputs=SyncGreeting(name="Ada")), Execution)
    assert_type(client.executions.list(status="invented", page_size=1, cursor=None), Pager[Execution])
    assert_type(client.versions.get("w", "one"), WorkflowVersion)
    assert_type(client.registry.list(include_archived=True), Pager[RegistryEntry])
    governance = client.organizations.governance
    assert_type(governance.update("o", category_flags={"pii": True}), GovernanceSettings)
    assert_type(client.organizations.quota.update("o", memory_mb=1, concurrent_executions=None), Quota)
    policies = client.organizations.tool_policies
    assert_type(policies.create("o", tool_name="t", enabled=True, allowed_roles=("owner", "x")), ToolPolicy)
    assert_type(policies.create_role_override("o", role="viewer", tool_name="t"), RolePolicyOverride)
    assert_type(client.memory.set("k", {"any": ["json", None]}, ttl=60, scope="invented"), MemoryEntry)
    assert_type(client.tools.connect("t", params={"a": 1}), ToolConnection)


def requests(client: Fibonacci) -> None:
    assert_type(client.request("GET", "/x"), Any)
    assert_type(client.request("GET", "/x", headers={"X": "y"}, timeout=None), Any)
    assert_type(client.request("GET", "/x", params={"a": 1, "b": None}, returns=Workflow), Workflow)
    assert_type(client.request("POST", "/x", json=None, returns=list[int]), list[int])


def pagers(client: Fibonacci) -> None:
    for workflow in client.workflows.list():
        assert_type(workflow, Workflow)
    assert_type(client.workflows.list().pages(), Iterator[Page[Workflow]])
    for page in client.workflows.list().pages():
        assert_type(page.items, list[Workflow])
        assert_type(page.response, ResponseInfo)
        assert_type(page.model, type[Workflow] | None)
        assert_type(page.to_pandas(), pandas.DataFrame)
        assert_type(page.to_polars(flatten=True), polars.DataFrame)
    assert_type(client.workflows.list().first(), Workflow | None)
    assert_type(client.workflows.list().to_pandas(flatten=True), pandas.DataFrame)
    assert_type(client.workflows.list().to_polars(), polars.DataFrame)


def models(client: Fibonacci) -> None:
    execution = client.executions.get("e")
    assert_type(execution.id, str)
    assert_type(execution.outputs, dict[str, Any])
    assert_type(execution.outputs_as(RateLimit), RateLimit)
    assert_type(execution.to_dict(), dict[str, Any])
    assert_type(execution.is_terminal, bool)
    assert_type(execution.succeeded, bool)
    assert_type(execution.created_at, datetime | None)
    assert_type(execution.duration_ms, int | float | None)
    assert_type(execution.response.headers, Headers)
    assert_type(execution.response.request_id, str | None)
    assert_type(execution.response.rate_limit, RateLimit | None)
    assert_type(client.organizations.quota.get("o").effective, dict[str, int | float | None])


def many_rows(client: Fibonacci) -> None:
    runs = client.workflows.run_many(
        "w", [{"a": 1}], key="a", journal="runs.db", if_unknown="rerun", if_new_version="continue"
    )
    assert_type(client.workflows.run_many("w", []), Runs)
    assert_type(runs, Runs)
    for run in runs:
        assert_type(run, RunResult)
        assert_type(run.execution, Execution | None)
    assert_type(runs.summary, RunsSummary)
    assert_type(runs.results(), list[RunResult])
    assert_type(runs.to_pandas(), pandas.DataFrame)
    assert_type(runs.estimate(), RunsEstimate)
    with runs as entered:
        assert_type(entered, Runs)

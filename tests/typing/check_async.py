"""The types of `AsyncFibonacci` that differ in kind, as type checkers see them. They are the test: it is not run.

`tests/endpoints/test_surface.py` compares the annotation of every endpoint with the endpoint table.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import pandas
import polars
from pydantic import BaseModel

from fibonacci import (
    AsyncFibonacci,
    AsyncPager,
    AsyncRuns,
    DeploymentPlan,
    DeploymentResult,
    Page,
    RateLimit,
    ResponseInfo,
    RetryEvent,
    RunResult,
    RunsEstimate,
    RunsSummary,
    WorkflowBuilder,
)
from fibonacci.definitions import WorkflowDefinition
from fibonacci.models import (
    Execution,
    GovernanceSettings,
    Headers,
    Health,
    MemoryEntry,
    Quota,
    RegistryEntry,
    RolePolicyOverride,
    Tool,
    ToolConnection,
    ToolPolicy,
    Workflow,
    WorkflowVersion,
)


class Greeting(BaseModel):
    name: str


def told(event: RetryEvent) -> None:
    assert_type(event.attempt, int)
    assert_type(event.seconds, float)
    assert_type(event.reason, str)


async def key() -> str:
    return "key"


async def clients() -> None:
    assert_type(AsyncFibonacci(), AsyncFibonacci)
    assert_type(AsyncFibonacci("key", timeout=None, max_retries=0, headers={"X": "y"}, on_retry=told), AsyncFibonacci)
    assert_type(
        AsyncFibonacci(key, base_url="https://a.example", idempotency="server", ca_bundle="x.pem"), AsyncFibonacci
    )
    async with AsyncFibonacci() as client:
        assert_type(client, AsyncFibonacci)
        assert_type(client.with_options(timeout=1.5, max_retries=0, headers={"X": "y"}), AsyncFibonacci)
        assert_type(
            client.with_options(api_key="other", base_url="https://b.example", headers={"X": None}), AsyncFibonacci
        )
        assert_type(client.reset_rate_limit(), None)
        assert_type(client.rate_limit, RateLimit | None)
        assert_type(client.base_url, str)
        await client.aclose()


async def namespaces(client: AsyncFibonacci) -> None:
    assert_type(await client.workflows.get("w"), Workflow)
    assert_type(await client.executions.get("e"), Execution)
    assert_type(await client.versions.get("w", 1), WorkflowVersion)
    assert_type(await client.registry.archive("w"), RegistryEntry)
    assert_type(await client.organizations.governance.get("o"), GovernanceSettings)
    assert_type(await client.organizations.quota.get("o"), Quota)
    assert_type(client.organizations.tool_policies.list("o"), AsyncPager[ToolPolicy])
    assert_type(await client.memory.get("k", scope="user", user_id="u"), MemoryEntry)
    assert_type(await client.tools.get("t"), Tool)
    assert_type(await client.health.check(), Health)
    assert_type((await client.health.check()).healthy, bool)


async def waiting(client: AsyncFibonacci) -> None:
    assert_type(await client.workflows.run("w", inputs={"a": 1}, timeout=None, on_update=print), Execution)
    assert_type(await client.workflows.run("w", inputs=Greeting(name="Ada")), Execution)
    assert_type(await client.executions.wait("e", timeout=1, on_update=print, progress=True), Execution)
    assert_type(await client.executions.wait_all(["e", "f"], timeout=None), list[Execution])
    assert_type(client.executions.watch("e", timeout=1), AsyncIterator[Execution])
    assert_type(await client.executions.retry("e"), Execution)
    assert_type(await client.executions.cancel("e", if_ended="ignore"), Execution)
    assert_type(await client.executions.cancel_all(workflow_id="w"), list[Execution])


async def deploying(client: AsyncFibonacci) -> None:
    plan = await client.workflows.plan("flows")
    assert_type(await client.workflows.plan(Path("flows")), DeploymentPlan)
    assert_type(await client.workflows.apply(plan, allow_delete=True), DeploymentResult)
    assert_type(await client.workflows.pull("w", "flows", overwrite=True), Path)


async def nothing(client: AsyncFibonacci) -> None:
    assert_type(await client.workflows.delete("w"), None)
    assert_type(await client.organizations.tool_policies.delete("o", "t"), None)


async def arguments(client: AsyncFibonacci, definition: WorkflowDefinition, flow: WorkflowBuilder) -> None:
    assert_type(await client.workflows.create(name="x", description=None, definition={"nodes": []}), Workflow)
    assert_type(await client.workflows.create(name="x", definition=definition), Workflow)
    assert_type(await client.workflows.create(definition), Workflow)
    assert_type(await client.workflows.create(flow, name="x", description=None), Workflow)
    assert_type(await client.workflows.find("x"), Workflow | None)
    assert_type(await client.workflows.create({"name": "x", "nodes": []}), Workflow)
    assert_type(await client.workflows.ensure(flow), Workflow)
    assert_type(await client.workflows.ensure(name="x", description=None, definition=definition), Workflow)
    assert_type(await client.workflows.update("w", name="y", definition=None), Workflow)
    assert_type(await client.workflows.update(await client.workflows.get("w"), definition=flow), Workflow)
    assert_type(await client.workflows.execute("w", inputs={"a": 1}), Execution)
    assert_type(await client.workflows.execute("w", inputs=Greeting(name="Ada")), Execution)
    assert_type(client.executions.list(status="invented", page_size=1, cursor=None), AsyncPager[Execution])
    assert_type(await client.versions.get("w", "one"), WorkflowVersion)
    assert_type(client.registry.list(include_archived=True), AsyncPager[RegistryEntry])
    governance = client.organizations.governance
    assert_type(await governance.update("o", category_flags={"pii": True}), GovernanceSettings)
    assert_type(await client.organizations.quota.update("o", memory_mb=1, concurrent_executions=None), Quota)
    policies = client.organizations.tool_policies
    assert_type(await policies.create("o", tool_name="t", enabled=True, allowed_roles=("owner", "x")), ToolPolicy)
    assert_type(await policies.create_role_override("o", role="viewer", tool_name="t"), RolePolicyOverride)
    assert_type(await client.memory.set("k", {"any": ["json", None]}, ttl=60, scope="invented"), MemoryEntry)
    assert_type(await client.tools.connect("t", params={"a": 1}), ToolConnection)


async def requests(client: AsyncFibonacci) -> None:
    assert_type(await client.request("GET", "/x"), Any)
    assert_type(await client.request("GET", "/x", headers={"X": "y"}, timeout=None), Any)
    assert_type(await client.request("GET", "/x", params={"a": 1, "b": None}, returns=Workflow), Workflow)
    assert_type(await client.request("POST", "/x", json=None, returns=list[int]), list[int])


async def pagers(client: AsyncFibonacci) -> None:
    async for workflow in client.workflows.list():
        assert_type(workflow, Workflow)
    assert_type(client.workflows.list().pages(), AsyncIterator[Page[Workflow]])
    async for page in client.workflows.list().pages():
        assert_type(page.items, list[Workflow])
        assert_type(page.response, ResponseInfo)
        assert_type(page.model, type[Workflow] | None)
        assert_type(page.to_pandas(), pandas.DataFrame)
        assert_type(page.to_polars(flatten=True), polars.DataFrame)
    assert_type(await client.workflows.list().first(), Workflow | None)
    assert_type(await client.workflows.list().to_pandas(flatten=True), pandas.DataFrame)
    assert_type(await client.workflows.list().to_polars(), polars.DataFrame)


async def models(client: AsyncFibonacci) -> None:
    execution = await client.executions.get("e")
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
    assert_type((await client.organizations.quota.get("o")).effective, dict[str, int | float | None])


async def many_rows(client: AsyncFibonacci, rows: AsyncIterable[dict[str, int]]) -> None:
    runs = client.workflows.run_many("w", rows, inputs=dict, ordered=True)
    assert_type(client.workflows.run_many("w", []), AsyncRuns)
    assert_type(runs, AsyncRuns)
    async for run in runs:
        assert_type(run, RunResult)
    assert_type(runs.summary, RunsSummary)
    assert_type(await runs.results(), list[RunResult])
    assert_type(await runs.to_pandas(), pandas.DataFrame)
    assert_type(await runs.estimate(1000), RunsEstimate)
    async with runs as entered:
        assert_type(entered, AsyncRuns)

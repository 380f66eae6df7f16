"""The types of `AsyncFibonacci` that differ in kind, as type checkers see them. They are the test: it is not run.

`check_sync.py` has the others: the sync classes are derived from the async ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any, assert_type

import pandas
import polars

from fibonacci import (
    AsyncFibonacci,
    AsyncPager,
    AsyncRuns,
    DeploymentPlan,
    DeploymentResult,
    Page,
    RunResult,
    RunsEstimate,
)
from fibonacci.models import Execution, Quota, ToolPolicy, Workflow


async def key() -> str:
    return "key"


async def clients() -> None:
    assert_type(AsyncFibonacci(), AsyncFibonacci)
    assert_type(AsyncFibonacci(key, base_url="https://a.example", idempotency="server"), AsyncFibonacci)
    async with AsyncFibonacci() as client:
        assert_type(client, AsyncFibonacci)
        assert_type(client.with_options(timeout=1.5, max_retries=0, headers={"X": "y"}), AsyncFibonacci)
        assert_type(client.reset_rate_limit(), None)
        assert_type(await client.aclose(), None)


async def calls(client: AsyncFibonacci) -> None:
    assert_type(await client.workflows.get("w"), Workflow)
    assert_type(await client.workflows.find("x"), Workflow | None)
    assert_type(await client.workflows.delete("w"), None)
    assert_type(await client.organizations.quota.get("o"), Quota)
    assert_type(client.organizations.tool_policies.list("o"), AsyncPager[ToolPolicy])
    assert_type(await client.request("GET", "/x"), Any)
    assert_type(await client.request("POST", "/x", json=None, returns=list[int]), list[int])


async def waiting(client: AsyncFibonacci) -> None:
    assert_type(await client.workflows.run("w", inputs={"a": 1}, timeout=None, on_update=print), Execution)
    assert_type(await client.executions.wait("e", timeout=1, on_update=print, progress=True), Execution)
    assert_type(await client.executions.wait_all(["e", "f"], timeout=None), list[Execution])
    assert_type(client.executions.watch("e", timeout=1), AsyncIterator[Execution])
    assert_type(await client.executions.cancel_all(workflow_id="w"), list[Execution])


async def deploying(client: AsyncFibonacci) -> None:
    plan = await client.workflows.plan("flows")
    assert_type(plan, DeploymentPlan)
    assert_type(await client.workflows.apply(plan, allow_delete=True), DeploymentResult)
    assert_type(await client.workflows.pull("w", "flows", overwrite=True), Path)


async def pagers(client: AsyncFibonacci) -> None:
    async for workflow in client.workflows.list():
        assert_type(workflow, Workflow)
    assert_type(client.workflows.list().pages(), AsyncIterator[Page[Workflow]])
    async for page in client.workflows.list().pages():
        assert_type(page.items, list[Workflow])
    assert_type(await client.workflows.list().first(), Workflow | None)
    assert_type(await client.workflows.list().to_pandas(flatten=True), pandas.DataFrame)
    assert_type(await client.workflows.list().to_polars(), polars.DataFrame)


async def many_rows(client: AsyncFibonacci, rows: AsyncIterable[dict[str, int]]) -> None:
    runs = client.workflows.run_many("w", rows, inputs=dict, ordered=True)
    assert_type(client.workflows.run_many("w", []), AsyncRuns)
    assert_type(runs, AsyncRuns)
    async for run in runs:
        assert_type(run, RunResult)
    assert_type(await runs.results(), list[RunResult])
    assert_type(await runs.to_pandas(), pandas.DataFrame)
    assert_type(await runs.estimate(1000), RunsEstimate)
    async with runs as entered:
        assert_type(entered, AsyncRuns)

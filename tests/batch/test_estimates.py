"""Estimates beside how long the rows take over simulated time, whatever binds them."""

from __future__ import annotations

import asyncio
from random import Random
from typing import NamedTuple

import pytest

from fibonacci import RunsEstimate
from fibonacci.emulator import Emulator
from fibonacci.emulator.option_values import PlanName
from tests.kit.nodes import tool
from tests.tools.simulation.event_loop import SimulatedEventLoop
from tests.tools.simulation.platform import Network, SimulatedPlatform, even

_DAY = 86_400.0


class EstimatedBatch(NamedTuple):
    """A batch, its quota, and the limit that binds it."""

    bound_by: str
    plan: PlanName
    rows: int
    seconds: float
    runs_per_hour: int
    concurrent: int


BATCHES = (
    EstimatedBatch("12 runs an hour", "free", 30, 0.0, 12, 2),
    EstimatedBatch("3 runs at a time", "pro", 9, 60.0, 1_000, 3),
    EstimatedBatch("60 requests a minute", "pro", 80, 0.0, 5_000, 20),
    EstimatedBatch("60 requests a minute", "pro", 80, 5.0, 5_000, 100),
)
# short: TestEstimates in test_plans.py has the requests of a day
DAY = EstimatedBatch("1,000 requests a day", "free", 1_050, 0.0, 120, 2)


@pytest.mark.parametrize(
    "batch",
    [*BATCHES, pytest.param(DAY, marks=[pytest.mark.slow, pytest.mark.nightly])],
    ids=lambda batch: f"{batch.rows} rows, {batch.bound_by}",
)
def test_an_estimate_is_within_a_tenth_of_what_the_rows_take(batch: EstimatedBatch) -> None:
    estimate, seconds = _estimated_and_run(batch)
    assert estimate.bound_by == batch.bound_by
    assert estimate.hours * 3600 == pytest.approx(seconds, rel=0.1)


def _estimated_and_run(batch: EstimatedBatch) -> tuple[RunsEstimate, float]:
    """Estimate a batch, wait until no window has begun, and run it; return the estimate and the seconds."""
    loop, random = SimulatedEventLoop(), Random(1)
    platform = SimulatedPlatform(loop, Emulator(time="manual", keep=None, plan=batch.plan, rate_limit=(60, 60.0)))
    owner = platform.emulator.client()
    definition = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}
    workflow = owner.workflows.create(name="rester", definition=definition).id
    quota = {"workflow_runs_per_hour": batch.runs_per_hour, "concurrent_executions": batch.concurrent}
    owner.organizations.quota.update("default", **quota)
    client = platform.client(Network(even(random, 0.02, 0.08), even(random, 0.02, 0.08)))
    rows = [{"seconds": batch.seconds}] * batch.rows

    async def main() -> tuple[RunsEstimate, float]:
        await client.workflows.run(workflow, inputs=rows[0])
        estimate = await client.workflows.run_many(workflow, rows).estimate()
        await asyncio.sleep(_DAY)
        began = loop.time()
        async for run in client.workflows.run_many(workflow, rows):
            assert run.succeeded
        return estimate, loop.time() - began

    try:
        task = loop.run(main())
        loop.run_until(task.done)
        return task.result()
    finally:
        loop.end()

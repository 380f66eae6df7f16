from __future__ import annotations

import time
from typing import Any

import pytest

from fibonacci import NotFoundError, QuotaExceededError
from fibonacci.emulator import Emulator
from fibonacci.emulator.state.clock import VirtualClock
from tests.kit.assertions import each_row
from tests.kit.nodes import tool


def waits(seconds: float, node_id: str = "rest", **more: Any) -> dict[str, Any]:
    return tool(node_id, "wait", {"seconds": seconds}, **more)


def definition(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": list(nodes)}


@each_row("mode", ["real", "skip"])
def test_the_clock_follows_the_machine_and_can_be_advanced(mode: Any) -> None:
    clock = VirtualClock(mode)
    assert abs(clock.now() - time.time()) < 1
    clock.advance(3600)
    assert abs(clock.now() - time.time() - 3600) < 1
    clock.advance_to(clock.now() - 50)
    assert clock.now() > time.time() + 3599


def test_a_manual_clock_stands_still() -> None:
    clock = VirtualClock("manual")
    assert abs(clock.now() - time.time()) < 2
    before = clock.now()
    assert clock.now() == before
    clock.advance(0.25)
    assert clock.now() == before + 0.25
    clock.advance_to(before + 10)
    assert clock.now() == before + 10


@each_row("seconds", [-1, float("inf"), float("nan")])
def test_a_clock_cannot_go_back(seconds: float) -> None:
    clock = VirtualClock("manual")
    before = clock.now()
    with pytest.raises(ValueError, match="can only go forward"):
        clock.advance(seconds)
    assert clock.now() == before


def test_an_unknown_mode_is_refused() -> None:
    mode: Any = "fast"
    with pytest.raises(ValueError, match="real, skip, manual, not 'fast'"):
        Emulator(time=mode)


def test_a_skip_clock_runs_ten_minutes_at_once() -> None:
    emulator = Emulator(time="skip")
    client = emulator.client()
    workflow = client.workflows.create(
        name="x", definition=definition(waits(600), waits(60, "more", dependencies=["rest"]))
    )
    before = emulator.clock.now()
    execution = client.workflows.run(workflow.id, timeout=1000)
    assert emulator.requests.to("GET /executions/{id}").count == 1  # before another poll the client would sleep
    assert (execution.status, execution.duration_ms) == ("completed", 660_000)
    assert emulator.clock.now() >= before + 660
    assert client.executions.wait(execution.id).duration_ms == 660_000


def test_a_manual_clock_moves_runs_quotas_rates_and_lifetimes() -> None:
    emulator = Emulator(time="manual", plan="free", rate_limit=(50, 60))
    client = emulator.client(max_retries=0)
    workflow = client.workflows.create(name="x", definition=definition(waits(600)))
    client.memory.set("k", 1, ttl=500)
    execution = client.workflows.execute(workflow.id)
    assert client.executions.get(execution.id).status == "running"
    assert client.memory.get("k").value == 1
    emulator.clock.advance(600)
    assert client.executions.get(execution.id).succeeded
    with pytest.raises(NotFoundError):
        client.memory.get("k")
    client.organizations.quota.update("default", workflow_runs_per_hour=1)
    with pytest.raises(QuotaExceededError):
        client.workflows.execute(workflow.id)
    emulator.clock.advance(3600)
    assert client.workflows.execute(workflow.id).status == "running"

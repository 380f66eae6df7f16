"""A clock that skips waits never jumps over what takes real time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fibonacci import Fibonacci, RateLimitError, WaitTimeoutError
from fibonacci.emulator import Emulator
from fibonacci.emulator.engine import scheduler
from tests.emulator.handling import create, details, no_handler_works, wait_until
from tests.kit.mode import Mode
from tests.kit.nodes import tool


class BlockedTool:
    """The handler of a tool, which works until it is released."""

    def __init__(self, emulator: Emulator) -> None:
        self.release = threading.Event()
        emulator.tool("work")(self)

    def __call__(self, _: object) -> str:
        assert self.release.wait(10)
        return "done"


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(time="skip")


@pytest.fixture
def client(emulator: Emulator) -> Fibonacci:
    return emulator.client(max_retries=0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "WAIT_SECONDS", 0.02)


def waiting(client: Fibonacci, seconds: float, **more: Any) -> str:
    return create(client, tool("rest", "wait", {"seconds": seconds}), **more)


def test_a_wait_beside_a_handler_of_another_run(emulator: Emulator, client: Fibonacci) -> None:
    worker = BlockedTool(emulator)
    before = emulator.clock.now()
    working = client.workflows.execute(create(client, tool("a", "work", timeout=30)))
    resting = client.workflows.execute(waiting(client, 60))
    assert (working.status, resting.status) == ("running", "running")
    assert emulator.clock.now() < before + 30
    worker.release.set()
    wait_until(no_handler_works)
    assert client.executions.get(working.id).outputs == {"a": "done"}
    assert details(client, resting.id)["status"] == "completed"  # nothing had to ask for it
    assert emulator.clock.now() >= before + 60


def test_a_skipped_wait_gives_no_new_requests() -> None:
    emulator = Emulator(time="skip", rate_limit=(3, 60.0))
    client = emulator.client(max_retries=0, timeout=2)
    workflow = waiting(client, 600)
    first = client.workflows.execute(workflow)
    second = client.workflows.execute(workflow)
    assert first.response is not None
    assert second.response is not None
    limits = [first.response.rate_limit, second.response.rate_limit]
    assert [limit.remaining for limit in limits if limit] == [1, 0]
    moved = [limit.reset_at for limit in limits if limit]
    assert 599 <= (moved[1] - moved[0]).total_seconds() <= 601
    with pytest.raises(RateLimitError):
        client.workflows.execute(workflow)
    emulator.clock.advance(60)
    client = emulator.client(api_key=emulator.key("admin"))  # the other key's limiter still waits
    assert client.workflows.execute(workflow).status == "completed"


def test_the_timeout_of_a_run_counts_what_was_skipped(mode: Mode, emulator: Emulator) -> None:
    client = emulator.client() if mode.name == "sync" else emulator.async_client()
    workflow = waiting(emulator.client(), 3600)
    with pytest.raises(WaitTimeoutError, match="took 3600 s, longer than the time to wait") as caught:
        mode.run(client.workflows.run(workflow, timeout=30))
    assert caught.value.execution is not None
    assert "keeps running" not in "".join(caught.value.__notes__)
    for timeout in (7200, None):
        assert mode.run(client.workflows.run(workflow, timeout=timeout)).duration_ms == 3_600_000

"""`fibonacci executions tail`: none is missed, none is shown twice, and how many requests that takes."""

from __future__ import annotations

import os
import random
from contextlib import redirect_stdout, suppress
from pathlib import Path

import pytest

from fibonacci import ConflictError
from fibonacci.cli.tailing import ExecutionFeed, line_of, sleep_while_read, tail
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.batch.shared_clock import SharedClock
from tests.cli.invocation import invoke, use
from tests.kit.nodes import llm, tool
from tests.kit.systems import linux_only

REST = {"nodes": [tool("rest", "wait", {"seconds": "{{input.seconds}}"})]}


class Organization:
    """An emulator whose clock the test moves, with a workflow that takes as long as its input says."""

    def __init__(self) -> None:
        self.emulator = Emulator(time="manual")
        self.client = self.emulator.client()
        self.workflow_id = self.client.workflows.create(name="Rester", definition=REST).id

    def start(self, seconds: float) -> str:
        return self.client.workflows.execute(self.workflow_id, inputs={"seconds": seconds}).id

    def advance(self, seconds: float) -> None:
        self.emulator.clock.advance(seconds)


def states(executions: list[Execution]) -> list[tuple[str, str | None]]:
    return [(each.id, each.status) for each in executions]


class TestFeed:
    @pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
    def test_no_schedule_misses_an_execution_or_shows_one_twice_for_a_status(self, seed: int) -> None:
        there, chance = Organization(), random.Random(seed)
        feed = ExecutionFeed(there.client)
        shown = states(feed.begin())
        started: list[str] = []
        for _ in range(6):
            started += [there.start(chance.choice([0, 5, 40, 200])) for _ in range(chance.choice([0, 1, 3, 55]))]
            with suppress(IndexError, ConflictError):
                there.client.executions.cancel(chance.choice(started))
            there.advance(chance.choice([0, 3, 30]))
            shown += states(feed.poll())
        there.advance(300)
        shown += states(feed.poll())
        assert len(shown) == len(set(shown))
        assert sorted(each for each, status in shown if status in ("completed", "cancelled")) == sorted(started)


class TestTail:
    def test_it_begins_with_the_last_and_follows(self) -> None:
        there = Organization()
        first, second, third = (there.start(0) for _ in range(3))
        more: list[str] = []
        shown: list[str] = []
        feed = ExecutionFeed(there.client)
        for execution in tail(feed, lambda text: None, lambda seconds: more.append(there.start(0)), last=2):
            shown.append(execution.id)
            if len(shown) == 4:
                break
        assert shown == [second, third, *more[:2]]
        assert first not in shown

    def test_an_outage_is_said_once_and_survived(self) -> None:
        there = Organization()
        texts: list[str] = []
        client = there.emulator.client(max_retries=0)
        sleeps: list[float] = []

        def sleep(seconds: float) -> None:
            sleeps.append(seconds)
            if len(sleeps) == 1:
                there.emulator.fail("GET /executions", kind="reset", times=3)
                there.start(0)

        assert next(tail(ExecutionFeed(client), texts.append, sleep, last=0)).status == "completed"
        assert [text.partition(",")[0] for text in texts] == ["polling failed"]
        assert sleeps == sorted(sleeps), "ever later"

    def test_a_rate_limit_is_waited_for(self) -> None:
        there = Organization()
        texts: list[str] = []
        there.emulator.fail("GET /executions", status=429, headers={"Retry-After": "50"}, times=1)
        there.start(0)
        clock = SharedClock(there.emulator)
        client = there.emulator.client(max_retries=0, clock=clock)
        assert next(tail(ExecutionFeed(client), texts.append, clock.sleep, last=1)).status == "completed"
        assert 49 < clock.skipped < 52
        assert "429" in texts[0]


class TestCommand:
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch, emulator: Emulator, tmp_path: Path) -> None:
        use(monkeypatch, emulator, tmp_path)

    def test_lines_of_json_until_the_limit(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        client = emulator.client()
        workflow = client.workflows.create(name="Greeter", definition={"nodes": [llm("a", "x")]})
        client.workflows.execute(workflow.id)

        def execute_again(seconds: float) -> None:
            client.workflows.execute(workflow.id)

        monkeypatch.setattr("fibonacci.cli.tailing.sleep_while_read", execute_again)
        run = invoke("executions", "tail", "--workflow", "Greeter", "--status", "completed", "--limit", "2")
        assert (run.code, run.err) == (0, "")
        assert [each["status"] for each in run.lines] == ["completed", "completed"]

    def test_people_read_the_name_of_the_workflow_which_are_read_once(self, emulator: Emulator) -> None:
        client = emulator.client()
        workflow = client.workflows.create(name="Greeter", definition={"nodes": [llm("a", "x")]})
        deleted = client.workflows.create(name="Gone", definition={"nodes": [llm("a", "x")]})
        for workflow_id in (workflow.id, deleted.id, workflow.id, deleted.id):
            client.workflows.execute(workflow_id)
        client.workflows.delete(deleted.id)
        emulator.requests.clear()
        run = invoke("executions", "tail", "--limit", "4", on_terminal=True)
        assert (run.code, run.err) == (0, "")
        shown = [next(name for name in ("Greeter", deleted.id) if name in line) for line in run.out.splitlines()]
        assert sorted(shown) == sorted(["Greeter", deleted.id] * 2)
        assert emulator.requests.to("GET /workflows").count == 1


@linux_only
def test_a_sleep_ends_when_the_reader_has_closed_the_pipe() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out, redirect_stdout(out):
        sleep_while_read(0.01)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            sleep_while_read(60)


def test_a_line_for_people() -> None:
    fields = {"id": "exec_1\x1b[2J", "status": "completed", "workflow_id": "wf-1", "duration_ms": 1500}
    line = line_of(Execution.model_validate({**fields, "created_at": "2026-11-25T01:02:03Z"}), "Greeter\n")
    assert line.split()[1:] == [r"exec_1\x1b[2J", "completed", "Greeter", "1.5", "s"]

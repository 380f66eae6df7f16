"""What an emulator that runs for long drops, and what it does not repeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from fibonacci import NotFoundError
from fibonacci.cli.main import main
from fibonacci.emulator import Emulator, StateError, cli
from fibonacci.emulator.facade import app_of
from tests.kit.assertions import each_row

NODE = {"id": "a", "type": "llm", "instruction": "Say {{input.text}}"}
LARGE = "x" * 200_000


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "state.db"


def test_the_oldest_executions_that_have_ended_are_dropped_with_their_traces(path: Path | None) -> None:
    with Emulator(db=path, keep=3) as emulator, emulator.client() as client:
        wait = {"id": "a", "type": "tool", "tool": "wait", "params": {"seconds": 600}}
        slow = client.workflows.create(name="slow", definition={"nodes": [wait]})
        running = client.workflows.execute(slow.id)
        quick = client.workflows.create(name="quick", definition={"nodes": [NODE]})
        ids = [client.workflows.execute(quick.id, inputs={"text": "hi"}).id for _ in range(10)]
        assert [execution.id for execution in client.executions.list()] == [*ids[:-4:-1], running.id]
        with pytest.raises(NotFoundError):
            client.executions.get(ids[0])
        store = app_of(emulator).store
        with store.reading():
            traces = {run for (run,) in store.execute("SELECT id FROM executions WHERE trace > ''")}
            assert traces == {*ids[-3:], running.id}
            assert store.replays.count() == 3
        assert client.executions.get(running.id).status == "running"


@pytest.mark.parametrize(("text", "keep"), [("5", 5), ("all", None)])
def test_the_command_takes_the_number(monkeypatch: pytest.MonkeyPatch, text: str, keep: int | None) -> None:
    given: dict[str, object] = {}

    def refuse(**options: object) -> None:
        given.update(options)
        raise StateError("enough is known")

    monkeypatch.setattr(cli, "Emulator", refuse)
    assert main(["dev", "--keep", text]) == 64
    assert given["keep"] == keep


@each_row("keep", [0, -1])
def test_keep_is_positive(keep: int) -> None:
    with pytest.raises(ValueError, match="keep must be a number of executions, at least 1, or None for all"):
        Emulator(keep=keep)


def test_what_has_expired_is_dropped_with_the_next_change(path: Path | None) -> None:
    with Emulator(db=path, time="manual") as emulator, emulator.client() as client:
        for number in range(20):
            client.memory.set(f"k{number}", number, ttl=60)
        client.workflows.create(name="x")
        store = app_of(emulator).store
        with store.reading():
            assert (store.memory.count(), store.replays.count()) == (20, 1)
        emulator.clock.advance(86_400)
        client.memory.set("last", 1)
        with store.reading():
            assert (store.memory.count(), store.replays.count()) == (1, 0)


def test_lists_leave_out_large_inputs_unless_asked(path: Path | None) -> None:
    with Emulator(db=path) as emulator, emulator.client() as client:
        workflow = client.workflows.create(name="x")
        large = client.workflows.execute(workflow.id, inputs={"text": LARGE})
        small = client.workflows.execute(workflow.id, inputs={"text": "hi"})

        def inputs(**params: str) -> list[object]:
            listed = client.request("GET", "/executions", params=params)
            return [execution.get("inputs", "left out") for execution in listed]

        assert inputs() == [{"text": "hi"}, "left out"]
        assert inputs(include="inputs") == [{"text": "hi"}, {"text": LARGE}]
        assert client.executions.get(large.id).model_dump()["inputs"] == {"text": LARGE}
        assert client.executions.get(small.id).model_dump()["inputs"] == {"text": "hi"}
        copy = Emulator()
        copy.restore(emulator.snapshot())
        assert copy.client().executions.get(large.id).model_dump()["inputs"] == {"text": LARGE}

"""No value of a secret is in a file of the state or in a snapshot, and workflows notice nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, ToolCall
from tests.kit.nodes import llm, tool

VALUE = 'pa"ss/wörd-1'
SPELLINGS = (VALUE, quote(VALUE, safe=""))
NODES = [
    llm("a", "Use {{secrets.TOKEN}}", memory_write={"note": "{{secrets.TOKEN}}"}),
    tool("b", "log_in", {"token": "{{secrets.TOKEN}}"}),
    tool("gate", "wait", {"seconds": 60}, dependencies=["a", "b"]),
    llm("c", "{{a}} then {{b.answers}}", dependencies=["gate"]),
]
PARTS = ("ss/w", "ss%2Fw")  # which any spelling of the value has


def emulator_of(path: Path | None, **secrets: str) -> Emulator:
    """Return an emulator with a tool that passes its secret on in several spellings."""
    emulator = Emulator(db=path, time="manual", api_key="fib-test", secrets=secrets)

    @emulator.tool("log_in")
    def log_in(call: ToolCall) -> Any:
        return {"answers": list(SPELLINGS), f"by {call.params['token']}": 1}

    return emulator


def run(client: Fibonacci) -> str:
    workflow = client.workflows.create(name="x", definition={"nodes": NODES})
    execution = client.workflows.execute(workflow.id)
    assert client.executions.get(execution.id).status == "running"
    return execution.id


def stored(emulator: Emulator, folder: Path) -> str:
    """Return all that is in a snapshot and in the files."""
    files = [file.read_bytes().decode("latin-1") for file in folder.iterdir()]
    return "\n".join([emulator.snapshot().decode("ascii"), *files])


def outputs(emulator: Emulator, execution_id: str) -> Any:
    return emulator.client().executions.get(execution_id).outputs


@pytest.mark.parametrize("in_file", [True, False])
def test_no_value_is_stored_and_each_is_put_back(tmp_path: Path, *, in_file: bool) -> None:
    path = tmp_path / "state.db" if in_file else None
    emulator = emulator_of(path, TOKEN=VALUE)
    execution_id = run(emulator.client())
    kept = stored(emulator, tmp_path)
    assert [part for part in PARTS if part in kept] == []
    assert kept.count("<secret:TOKEN=") > 5
    snapshot = emulator.snapshot()
    emulator.close()

    again = emulator_of(path, TOKEN=VALUE)  # after a restart, or on another machine
    if not in_file:
        again.restore(snapshot)
    again.clock.advance(100)
    found = outputs(again, execution_id)
    answers = json.dumps(list(SPELLINGS), ensure_ascii=False)
    assert found["c"] == f"[default model] [default model] Use {VALUE} then {answers}"
    assert found["b"] == {"answers": list(SPELLINGS), f"by {VALUE}": 1}
    client = again.client()
    workflow_id = str(client.executions.get(execution_id).workflow_id)
    assert client.memory.get("note", scope="workflow", workflow_id=workflow_id).value == VALUE
    first, repeated = (client.workflows.execute(workflow_id, idempotency_key="k") for _ in range(2))
    assert first.outputs == repeated.outputs == {"a": f"[default model] Use {VALUE}", "b": found["b"]}
    again.secrets["TOKEN"] = "another value"  # what ran before keeps its own
    assert outputs(again, execution_id) == found
    kept = stored(again, tmp_path)
    assert [part for part in PARTS if part in kept] == []
    again.close()


def test_who_has_another_value_is_told_its_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    emulator = emulator_of(tmp_path / "state.db", TOKEN=VALUE)
    execution_id = run(emulator.client())
    emulator.close()
    with caplog.at_level(logging.WARNING, "fibonacci.emulator"):
        other = emulator_of(tmp_path / "state.db", TOKEN="another value")
        other.clock.advance(100)
        assert "[default model] Use <secret:TOKEN=" in outputs(other, execution_id)["c"]
    assert [record.getMessage() for record in caplog.records] == [
        "the state contained the secret 'TOKEN', whose value is now missing or different: pass its value in secrets"
    ]
    assert "another value" not in stored(other, tmp_path)
    other.close()
    first = emulator_of(tmp_path / "state.db", TOKEN=VALUE)  # what another process has passed on is still whole
    assert VALUE in outputs(first, execution_id)["c"]
    first.close()


def test_no_column_of_a_file_has_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Emulator(db=path, secrets={"TOKEN": VALUE}, api_key="fib-test") as emulator:
        client = emulator.client()
        emulator.tool("work")(failing)
        workflow = client.workflows.create(name=f"of {VALUE}", definition={"nodes": [tool("a", "work")]})
        run = client.executions.wait(client.workflows.execute(workflow.id).id)
        client.memory.set(f"of {VALUE}", 1, scope="global")
        assert VALUE.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with Emulator(db=path, secrets={"TOKEN": VALUE}, api_key="fib-test") as emulator:
        assert emulator.client().workflows.get(workflow.id).name == f"of {VALUE}"
        assert emulator.client().memory.get(f"of {VALUE}", scope="global").value == 1
        assert emulator.client().executions.get(run.id).error == f"node 'a': {VALUE} is wrong"


def failing(call: ToolCall) -> str:
    raise ValueError(f"{VALUE} is wrong")

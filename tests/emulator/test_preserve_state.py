"""`preserve_state` undoes what is done in a block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fibonacci.emulator import Emulator, LLMCall

NODES: Any = {
    "nodes": [
        {"id": "say", "type": "llm", "instruction": "Hello"},
        {"id": "tell", "type": "tool", "tool": "gmail.send", "params": {"to": "a", "subject": "b", "body": "c"}},
    ]
}


def outputs(emulator: Emulator) -> dict[str, Any]:
    client = emulator.client()
    workflow = client.workflows.create(name="Greeter", definition=NODES)
    return dict(client.workflows.run(workflow.id).outputs)


@pytest.fixture(params=["memory", "file"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Emulator:
    return Emulator(db=tmp_path / "state.db" if request.param == "file" else None)


def test_the_state_is_as_it_was(shared: Emulator) -> None:
    client = shared.client()
    workflow = client.workflows.create(name="Seed")
    client.memory.set("color", "blue", scope="global")
    with shared.preserve_state():
        assert client.workflows.get(workflow.id).name == "Seed"
        client.workflows.delete(workflow.id)
        client.memory.set("color", "red", scope="global")
        client.organizations.governance.update("default", approval_threshold=3)
        outputs(shared)
    assert [each.name for each in client.workflows.list()] == ["Seed"]
    assert client.memory.get("color", scope="global").value == "blue"
    assert client.executions.list().first() is None
    assert client.organizations.governance.get("default").approval_threshold == 1
    shared.close()


def test_handlers_and_models_are_as_they_were() -> None:
    emulator = Emulator()
    models = list(emulator.models)

    @emulator.llm
    def before(call: LLMCall) -> str:
        return "before"

    with emulator.preserve_state():
        emulator.llm(lambda call: "inside")
        emulator.tool("gmail.send")(lambda call: "sent")
        emulator.critic(lambda call: 3)
        emulator.models.append("mine")
        assert outputs(emulator) == {"say": "inside", "tell": "sent"}
    found = outputs(emulator)
    assert found["say"] == "before"
    assert found["tell"]["tool"] == "gmail.send"
    assert emulator.models == models


def test_settings_and_scripts_are_as_they_were() -> None:
    emulator = Emulator(env={"TEAM": "Tides"}, secrets={"TOKEN": "t-1"}, plan="pro", rate_limit=(7, 2.0), keep=5)
    emulator.script("say", ["first", "second", "third"])
    assert outputs(emulator)["say"] == "first"
    with emulator.preserve_state():
        emulator.env["TEAM"], emulator.secrets["OTHER"] = "Moon", "t-2"
        for name, value in (("plan", "enterprise"), ("rate_limit", None), ("keep", None)):
            setattr(emulator, name, value)
        emulator.script("tell", ["sent"])
        assert outputs(emulator) == {"say": "second", "tell": "sent"}
    assert (dict(emulator.env), dict(emulator.secrets)) == ({"TEAM": "Tides"}, {"TOKEN": "t-1"})
    assert (emulator.plan, emulator.rate_limit, emulator.keep) == ("pro", (7, 2.0), 5)
    assert [script.name for script in emulator.scripts] == ["say"]
    assert outputs(emulator)["say"] == "second"


def test_a_script_from_before_counts_in_each_block() -> None:
    emulator = Emulator()
    script = emulator.script("say", ["first", "second"])
    for _ in range(2):
        with emulator.preserve_state():
            assert outputs(emulator)["say"] == "first"
            assert (script.taken, script.remaining) == (1, 1)
    assert emulator.scripts[0] is script
    assert script.taken == 0


def test_the_cassette_in_use_is_as_it_was(tmp_path: Path) -> None:
    emulator = Emulator(allow_unused=True)
    default = outputs(emulator)
    emulator.llm(lambda call: "recorded")
    with emulator.record(tmp_path / "answers.json") as outer:
        with emulator.preserve_state():
            emulator.record(tmp_path / "other.json")
        outputs(emulator)
    assert len(outer.calls) == 1
    replaying = Emulator()
    with replaying.preserve_state():
        replaying.replay(tmp_path / "answers.json")
        assert outputs(replaying)["say"] == "recorded"
    assert outputs(replaying)["say"] == default["say"]


def test_requests_failures_and_warnings_are_dropped_even_after_an_error() -> None:
    emulator = Emulator()

    def fail() -> None:
        with emulator.preserve_state():
            emulator.client().organizations.governance.get("other")
            emulator.fail("GET /tools", status=500)
            assert (emulator.requests.count, len(emulator.warnings)) == (1, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (emulator.requests.count, emulator.failures.delivered, emulator.warnings) == (0, 0, [])
    assert emulator.client(max_retries=0).tools.list().first() is not None

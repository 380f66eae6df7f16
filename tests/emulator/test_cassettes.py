"""Cassettes: calls of handlers, recorded once and replayed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from fibonacci.emulator import Cassette, Emulator, LLMCall, ToolCall
from tests.emulator.cassettes import counting, failure, run, stored
from tests.emulator.handling import create, details, node_of
from tests.kit.nodes import llm, tool

CRITIC = {"id": "judge", "type": "critic", "target_node": "draft", "criteria": ["short"]}


def test_what_is_recorded_once_is_replayed_without_handlers(cassette: Path) -> None:
    nodes = [
        llm("draft", "Draft {{input.topic}}", model="claude-haiku-4-5", temperature=0),
        CRITIC,
        tool("mail", "gmail_send", {"to": "{{draft}}"}),
        tool("sum", "calculator"),
    ]
    emulator = Emulator()
    asked = counting(emulator)
    recording = emulator.record(cassette)
    assert isinstance(recording, Cassette)
    first = run(emulator.client(), *nodes, inputs={"topic": "tides"})
    assert sorted(asked) == ["Draft tides", "judge answer 1", "send answer 1"]
    assert [call.kind for call in recording.calls] == ["llm", "critic", "tool gmail_send"]
    assert recording.unused == []
    draft = stored(cassette)[0]
    assert draft.pop("run").endswith("-1")
    assert len(draft.pop("handler")) == 8
    assert draft == {
        "kind": "llm",
        "node": "draft",
        "input": {"model": "claude-haiku-4-5", "instruction": "Draft tides", "temperature": 0},
        "answer": "answer 1",
    }

    replaying = Emulator()
    replayed = replaying.replay(str(cassette))
    assert len(replayed.unused) == 3
    assert run(replaying.client(), *nodes, inputs={"topic": "tides"}) == first
    assert replayed.unused == []


def test_a_registered_handler_is_not_called_on_replay(cassette: Path) -> None:
    emulator = Emulator()
    counting(emulator)
    with emulator.record(cassette):
        run(emulator.client(), llm("a"))
    asked = counting(emulator)
    with emulator.replay(cassette):
        assert run(emulator.client(), llm("a")) == {"a": "answer 1"}
    assert asked == []
    assert run(emulator.client(), llm("a")) == {"a": "answer 1"}  # the block has ended: the handler is called
    assert asked == ["do"]


def test_a_changed_prompt_is_a_miss_that_says_what_differs(cassette: Path) -> None:
    emulator = Emulator()
    asked = counting(emulator)
    emulator.record(cassette)
    run(emulator.client(), llm("a", "Sum up the news of Monday, in three lines"), llm("b", "Say hello"))
    emulator.replay(cassette)
    error = failure(emulator.client(), llm("a", "Sum up the news of Tuesday, in three lines", temperature=1))
    assert error == (
        f"there is no recorded answer for node 'a' (llm) in {cassette}. The closest recording is from node 'a' and "
        "differs in instruction: recorded 'Sum up the news of Monday, in three lines', "
        "now 'Sum up the news of Tuesday, in three lines'; temperature: recorded nothing, now '1.0'. "
        "Record it with emulator.record() or --record, or change the node back"
    )
    assert "no call of this kind was recorded" in failure(emulator.client(), tool("m", "gmail_send"))
    assert len(asked) == 2


def test_equal_calls_are_replayed_in_sequence_and_each_node_has_its_own_first(cassette: Path) -> None:
    emulator = Emulator()
    counting(emulator)
    emulator.record(cassette)
    first = run(emulator.client(), llm("a"))["a"]
    second = run(emulator.client(), llm("b"))["b"]
    third = run(emulator.client(), llm("a"))["a"]
    emulator.replay(cassette)
    client = emulator.client()
    assert run(client, llm("b")) == {"b": second}
    assert run(client, llm("a")) == {"a": first}
    assert run(client, llm("c")) == {"c": third}
    assert "this input was recorded 3 times, and every recording has been replayed" in failure(client, llm("a"))


def test_a_batch_is_replayed_row_by_row_in_any_order(cassette: Path) -> None:
    nodes = [
        llm("draft", "Write"),  # the same for all rows
        llm("title", "Write"),
        {"id": "judge", "type": "critic", "target_node": "draft", "max_iterations": 1},
        llm("sum", "Sum up", dependencies=["judge", "title"]),
    ]
    topics = [f"topic {number % 3}" for number in range(12)]
    barrier = threading.Barrier(4)

    def rows(emulator: Emulator, topics: Sequence[str]) -> list[dict[str, Any]]:
        client = emulator.client()
        workflow = create(client, *nodes)

        def row(topic: str) -> dict[str, Any]:
            barrier.wait(20)  # rows overlap
            return {"topic": topic} | client.workflows.run(workflow, inputs={"topic": topic}, timeout=60).outputs

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(row, topics))

    emulator, numbers = Emulator(), itertools.count()

    @emulator.llm
    def reply(call: LLMCall) -> str:
        return f"{call.node_id} {next(numbers)} of {call.execution_id}, iteration {call.iteration}"

    emulator.critic(lambda call: 9 if "iteration 2" in call.output else 2)
    emulator.record(cassette)
    recorded = rows(emulator, topics)
    replaying = Emulator()
    replayed = replaying.replay(cassette)
    again = rows(replaying, Random(7).sample(topics, len(topics)))
    assert sorted(again, key=str) == sorted(recorded, key=str)
    assert replayed.unused == []


def test_failures_are_recorded_too(cassette: Path) -> None:
    emulator = Emulator(time="skip")

    @emulator.llm
    def reply(call: LLMCall) -> str:
        if call.attempt == 1:
            raise RuntimeError("overloaded")
        return "done"

    emulator.record(cassette)
    node = llm("a", enable_retry=True)
    run(emulator.client(), node)
    assert [call.get("error") for call in stored(cassette)] == ["overloaded", None]
    other = Emulator(time="skip")
    other.replay(cassette)
    client = other.client()
    execution = details(client, client.workflows.execute(create(client, node)).id)
    assert (execution["outputs"], node_of(execution, "a")["attempts"]) == ({"a": "done"}, 2)


def test_recording_goes_on_where_a_cassette_ends(cassette: Path) -> None:
    emulator = Emulator()
    asked = counting(emulator)
    with emulator.record(cassette):
        run(emulator.client(), llm("a", "one"))
    with emulator.record(cassette) as again:
        assert len(again.unused) == 1
        run(emulator.client(), llm("a", "one"), llm("b", "two"))
        assert again.unused == []
    assert asked == ["one", "two"]
    assert [call["input"]["instruction"] for call in stored(cassette)] == ["one", "two"]


def test_a_function_that_has_changed_since_is_a_warning(cassette: Path) -> None:
    def recorded(answer: str) -> list[str]:
        emulator = Emulator()

        @emulator.llm
        def reply(call: LLMCall) -> str:
            return answer

        with emulator.record(cassette):
            assert run(emulator.client(), llm("a")) == {"a": "one"}
        return [str(warning) for warning in emulator.warnings]

    assert recorded("one") == recorded("one") == []
    assert recorded("two") == [
        f"cassette {cassette}: the function for node 'a' has changed since its answer was recorded, and the recorded "
        "answer was used. To record it again, delete the file (changed_function)"
    ]
    emulator = Emulator()
    emulator.llm(repr)  # nothing is known of its source
    with emulator.record(cassette):
        assert run(emulator.client(), llm("a")) == {"a": "one"}
    assert emulator.warnings == []


def test_scripts_and_default_nodes_are_not_recorded(cassette: Path) -> None:
    emulator = Emulator()
    emulator.script("a", ["scripted"], repeat=True)

    @emulator.tool("own")
    def own(call: ToolCall) -> int:
        return 1

    recording = emulator.record(cassette)
    assert run(emulator.client(), llm("a"), llm("b")) == {"a": "scripted", "b": "[default model] do"}
    assert (recording.calls, cassette.exists()) == ([], False)
    run(emulator.client(), tool("c", "own"))
    emulator.replay(cassette)
    assert run(emulator.client(), llm("a"), llm("b"), tool("c", "own"), tool("d")) == {
        "a": "scripted",
        "b": "[default model] do",  # no language model was recorded, so they have their default
        "c": 1,
        "d": {"tool": "calculator", "params": {"expression": "x"}, "result": "[calculator] x"},
    }

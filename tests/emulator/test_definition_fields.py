"""Every field of both generations of definitions does what it says."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, LLMCall
from tests.emulator.api import Api
from tests.emulator.handling import create, details, no_handler_works, node_of, wait_until
from tests.kit.nodes import llm, tool


def statuses(execution: dict[str, Any]) -> dict[str, str]:
    return {node["id"]: node["status"] for node in execution["nodes"]}


def traced(client: Fibonacci, execution_id: str, node_id: str) -> Any:
    return next(node for node in client.executions.get(execution_id).trace or [] if node.id == node_id)


def run(emulator: Emulator, *nodes: dict[str, Any], inputs: dict[str, Any] | None = None, **more: Any) -> Any:
    """Run a workflow to its end, and return the whole execution."""
    client = emulator.client()
    execution = client.workflows.execute(create(client, *nodes, **more), inputs=inputs or {})
    return details(client, client.executions.wait(execution.id).id)


class TestModels:
    @pytest.mark.usefixtures("patient")
    def test_a_handler_and_the_trace_see_the_system_prompt(self) -> None:
        emulator = Emulator()
        calls: list[LLMCall] = []
        emulator.llm(calls.append)
        execution = run(emulator, llm("a", system_prompt="Talk to {{input.name}}"), inputs={"name": "Ada"})
        assert [call.system_prompt for call in calls] == ["Talk to Ada"]
        shown = traced(emulator.client(), execution["execution_id"], "a").input
        assert shown == {"instruction": "do", "system_prompt": "Talk to Ada"}

    def test_what_cannot_be_written_to_memory_fails_the_node(self, api: Api) -> None:
        execution = api.run(llm("a", output_format="xml", memory_write={"k": "{{a.nothing}}"}))
        assert execution["error"] == "node 'a': {{a.nothing}} has no value: there is no 'nothing'"


class TestConditions:
    def test_a_secret_is_not_shown_in_the_reason(self, api: Api) -> None:
        node = llm("a", condition={"field": "{{secrets.TOKEN}}", "operator": "equals", "value": "x"})
        assert "s3cret" not in api.run(node)["trace"][0]["reason"]


class TestTimeouts:
    @pytest.mark.parametrize("kind", ["llm", "critic"])
    def test_a_model_that_takes_too_long_fails(self, kind: str) -> None:
        emulator = Emulator(time="manual")
        release = threading.Event()

        def slow(_: object) -> float:
            assert release.wait(10)
            return 9

        (emulator.llm if kind == "llm" else emulator.critic)(slow)
        critic = {"id": "judge", "type": "critic", "target_node": "b", "timeout": 5}
        nodes = [llm("judge", timeout=5)] if kind == "llm" else [critic, tool("b")]
        client = emulator.client()
        execution = client.workflows.execute(create(client, *nodes))
        emulator.clock.advance(5)
        shown = details(client, execution.id)
        release.set()
        wait_until(no_handler_works)
        assert shown["error"] == "node 'judge': it took longer than its timeout of 5 seconds"

    def test_the_default_of_a_tool_is_thirty_seconds_and_a_wait_has_none(self) -> None:
        emulator = Emulator(time="manual")
        release = threading.Event()
        emulator.tool("slow")(lambda _: release.wait(10))
        client = emulator.client()
        nodes = [tool("a", "slow"), tool("b", "slow", timeout=90), tool("c", "wait", {"seconds": 600})]
        execution = client.workflows.execute(create(client, *nodes))
        emulator.clock.advance(60)
        shown = details(client, execution.id)
        assert node_of(shown, "a")["error"] == "it took longer than its timeout of 30 seconds"
        assert [node_of(shown, name)["status"] for name in "bc"] == ["running"] * 2
        release.set()
        wait_until(no_handler_works)
        emulator.clock.advance(540)
        assert [node_of(details(client, execution.id), name)["status"] for name in "bc"] == ["completed"] * 2


class TestCritics:
    CRITIC: ClassVar[dict[str, Any]] = {
        "id": "judge",
        "type": "critic",
        "target_node": "draft",
        "criteria": ["short", "clear"],
    }

    def test_the_default_criteria(self, api: Api) -> None:
        critic = {"id": "judge", "type": "critic", "target_node": "draft"}
        output = api.run(llm("draft"), critic)["outputs"]["judge"]
        assert output["criteria_scores"] == {"quality": 10, "correctness": 10, "completeness": 10}

    @pytest.mark.parametrize(("needed", "rounds", "passed"), [(1, 1, True), (3, 3, True), (9, 4, False)])
    @pytest.mark.usefixtures("patient")
    def test_the_target_runs_again_until_it_passes(self, needed: int, rounds: int, passed: bool) -> None:
        emulator = Emulator()
        instructions: list[str] = []
        used: list[str] = []

        @emulator.llm
        def write(call: LLMCall) -> str:
            (instructions if call.node_id == "draft" else used).append(call.instruction)
            return f"draft {call.iteration}"

        emulator.tool("frame")(lambda call: f"<{call.params['text']}>")
        nodes = [
            llm("draft", "write"),
            tool("framed", "frame", {"text": "{{draft}}"}),
            {"id": "judge", "type": "critic", "target_node": "draft", "criteria": ["good"], "dependencies": ["framed"]},
            llm("use", "{{draft}}"),
        ]

        @emulator.critic
        def judge_draft(call: Any) -> int:
            return 8 if call.output == f"draft {needed}" else 3

        nodes[2]["improvement_prompt"] = "{{judge.overall_score}} of 10 for {{draft}}"
        execution = run(emulator, *nodes)
        more = [f"write\n\n3 of 10 for draft {number}" for number in range(1, rounds)]
        assert instructions == ["write", *more]
        assert used == [f"draft {rounds}"]  # what depends on the target waits for the verdict
        assert execution["outputs"]["framed"] == f"<draft {rounds}>"
        assert execution["outputs"]["judge"]["passed"] is passed
        assert (execution["status"], node_of(execution, "draft")["attempts"]) == ("completed", rounds)

    @pytest.mark.usefixtures("patient")
    def test_the_default_improvement_prompt_says_the_score(self) -> None:
        emulator = Emulator()
        seen: list[str] = []
        emulator.llm(lambda call: seen.append(call.instruction))
        emulator.critic(lambda _: 5)
        run(emulator, llm("draft", "write"), self.CRITIC | {"max_iterations": 1, "min_score": 6})
        assert seen == ["write", "write\n\nImprove the answer: its score is 5, and 6 passes."]


class TestTypesThatCameLater:
    LOOP: ClassVar[dict[str, Any]] = {
        "id": "each",
        "type": "loop",
        "dependencies": ["a"],
        "over": "{{input.x}} {{not a template}}",
        "retry": {"max_attempts": 3},
        "max_retries": "many",
        "fallback": "b",
    }
    REASON = "the emulator cannot run nodes of type 'loop': this version of the SDK does not know it"

    def test_the_node_fails_its_run_and_says_why(self) -> None:
        emulator = Emulator()
        execution = run(
            emulator, llm("a"), self.LOOP, llm("c", "{{each}}"), llm("b"), default_retry={"max_attempts": 2}
        )
        assert (execution["status"], execution["error"]) == ("failed", f"node 'each': {self.REASON}")
        assert statuses(execution) == {"a": "completed", "each": "failed", "c": "skipped", "b": "completed"}
        node = traced(emulator.client(), execution["execution_id"], "each")
        assert (node.type, node.attempts, node.error) == ("loop", 1, self.REASON)
        assert node.input == {name: self.LOOP[name] for name in ("over", "retry", "max_retries", "fallback")}
        assert [str(warning).partition(", only ")[0] for warning in node.warnings] == [
            "type: this version does not know the node type 'loop'"
        ]

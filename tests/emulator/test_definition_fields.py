"""Every field of both generations of definitions does what it says."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, LLMCall, ToolCall
from tests.emulator.api import Api
from tests.emulator.handling import create, details, flaky, no_handler_works, node_of, wait_until
from tests.kit.assertions import each_row
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


def failing(emulator: Emulator, *names: str) -> None:
    for name in names:

        @emulator.tool(name)
        def fail(call: ToolCall) -> None:
            raise RuntimeError(f"{call.tool_name} is down")


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

    @pytest.mark.usefixtures("patient")
    def test_memory_is_read_before_and_written_after_the_node(self) -> None:
        emulator = Emulator()
        seen: list[Any] = []

        @emulator.llm
        def count(call: LLMCall) -> dict[str, int]:
            seen.append(dict(call.memory))
            return {"n": (call.memory["count"] or 0) + 1}

        node = llm(
            "a",
            output_format="json",
            memory_read=["count"],
            memory_write={"count": "{{a.n}}", "said": "<{{input.x}}>"},
        )
        client = emulator.client()
        workflow = create(client, node)
        executions = [client.workflows.run(workflow, inputs={"x": "hi"}) for _ in range(2)]
        assert seen == [{"count": None}, {"count": 1}]
        assert client.memory.get("count", workflow_id=workflow).value == 2
        assert client.memory.get("said", workflow_id=workflow).value == "<hi>"
        assert traced(client, executions[1].id, "a").input["memory"] == {"count": 1}

    def test_what_cannot_be_written_to_memory_fails_the_node(self, api: Api) -> None:
        execution = api.run(llm("a", output_format="xml", memory_write={"k": "{{a.nothing}}"}))
        assert execution["error"] == "node 'a': {{a.nothing}} has no value: there is no 'nothing'"


class TestConditions:
    def test_a_secret_is_not_shown_in_the_reason(self, api: Api) -> None:
        node = llm("a", condition={"field": "{{secrets.TOKEN}}", "operator": "equals", "value": "x"})
        assert "s3cret" not in api.run(node)["trace"][0]["reason"]


class TestFallbacksAndRetries:
    @each_row(
        ("nodes", "statuses", "error"),
        [
            ([tool("a", "first", fallback="b"), llm("b"), llm("c", "<{{a}}>")], "fcc", None),
            ([tool("a", "first", fallback="b"), tool("b", "second", fallback="c"), llm("c")], "ffc", None),
            (
                [tool("a", "first", fallback="b"), tool("b", "second"), llm("c", "{{a}}")],
                "ffs",
                "node 'a': first is down",
            ),
            (
                [tool("a", "first", fallback="b"), llm("b", dependencies=["c"]), llm("c", dependencies=["a"])],
                "fss",
                "node 'a': first is down",
            ),
        ],
    )
    def test_a_fallback_stands_in_unless_it_fails_or_waits_for_what_failed(
        self, nodes: list[dict[str, Any]], statuses: str, error: str | None
    ) -> None:
        emulator = Emulator(time="skip")
        failing(emulator, "first", "second")
        execution = run(emulator, *nodes)
        assert "".join(node["status"][0] for node in execution["nodes"]) == statuses
        assert execution["error"] == error

    @pytest.mark.usefixtures("patient")
    def test_a_node_is_retried_after_its_delay(self) -> None:
        emulator = Emulator(time="manual")
        attempts = flaky(emulator, 2)
        client = emulator.client()
        workflow = create(client, tool("a", "flaky", enable_retry=True, retry_delay=30), llm("b", "{{a}}"))
        execution = client.workflows.execute(workflow)
        assert (execution.status, attempts) == ("running", [1])
        emulator.clock.advance(29)
        assert client.executions.get(execution.id).status == "running"
        emulator.clock.advance(1)  # only this starts the second attempt
        wait_until(lambda: attempts == [1, 2] and no_handler_works())
        emulator.clock.advance(30)
        done = details(client, execution.id)
        assert (done["status"], done["duration_ms"], done["error"], attempts) == ("completed", 60_000, None, [1, 2, 3])
        assert node_of(done, "a") == {"id": "a", "type": "tool", "status": "completed", "attempts": 3, "error": None}

    def test_a_fallback_runs_after_the_retries(self) -> None:
        emulator = Emulator(time="skip")
        attempts = flaky(emulator, 99)
        execution = run(emulator, tool("a", "flaky", fallback="b", retry={"max_attempts": 3, "delay": 10}), llm("b"))
        assert (execution["status"], attempts, execution["duration_ms"] // 1000) == ("completed", [1, 2, 3], 20)

    def test_what_would_fail_alike_is_not_retried(self, api: Api) -> None:
        execution = api.run(llm("a", "{{input.absent}}", enable_retry=True))
        assert (execution["status"], execution["nodes"][0]["attempts"]) == ("failed", 1)


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

    def test_a_handler_that_ends_after_that_of_its_workflow_changes_nothing(self) -> None:
        emulator = Emulator(time="manual")
        release = threading.Event()
        emulator.llm(lambda _: release.wait(10))
        client = emulator.client()
        execution = client.workflows.execute(create(client, llm("a"), timeout=5))
        emulator.clock.advance(5)
        release.set()
        wait_until(no_handler_works)
        assert client.executions.get(execution.id).status == "failed"

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

    @pytest.mark.usefixtures("patient")
    @each_row(
        ("answer", "verdict"),
        [
            (7, (True, 7, {"short": 7, "clear": 7})),
            (6.9, (False, 6.9, {"short": 6.9, "clear": 6.9})),
            ({"overall_score": 8, "criteria_scores": {"short": 8}}, (True, 8, {"short": 8})),
            ({"criteria_scores": {"short": 4, "clear": 8}, "passed": True}, (False, 6, {"short": 4, "clear": 8})),
        ],
    )
    def test_passing_follows_from_the_score(self, answer: Any, verdict: tuple[Any, ...]) -> None:
        emulator = Emulator()
        emulator.critic(lambda _: answer)
        execution = run(emulator, tool("draft"), self.CRITIC | {"max_iterations": 1})
        output = execution["outputs"]["judge"]
        assert (output["passed"], output["overall_score"], output["criteria_scores"]) == verdict

    @pytest.mark.usefixtures("patient")
    @each_row("answer", [True, "9", 11, -1, None, {"passed": True}, {"overall_score": "9"}, [9]])
    def test_what_is_no_verdict_fails_the_node(self, answer: Any) -> None:
        emulator = Emulator()
        emulator.critic(lambda _: answer)
        assert "a critic must return a score from 0 to 10" in run(emulator, tool("draft"), self.CRITIC)["error"]

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

    def test_in_a_branch_that_is_not_taken_it_is_skipped(self) -> None:
        gate = {"id": "a", "type": "conditional", "left_value": "", "operator": "is_empty", "false_branch": ["each"]}
        execution = run(Emulator(), gate, self.LOOP, llm("b"))
        assert execution["status"] == "completed"
        assert statuses(execution) == {"a": "completed", "each": "skipped", "b": "completed"}

"""Every field of both generations of definitions does what it says."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from fibonacci import Fibonacci, ValidationError
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
    @pytest.mark.parametrize("node", [llm("a"), tool("a")])
    def test_a_node_is_skipped_if_its_condition_is_false(self, api: Api, node: dict[str, Any]) -> None:
        node = node | {"condition": {"field": "{{input.n}}", "operator": "greater_than", "value": 5}}
        nodes = [node, llm("b", "{{a}}"), llm("c")]
        assert statuses(api.run(*nodes, inputs={"n": 6})) == dict.fromkeys("abc", "completed")
        skipped = api.run(*nodes, inputs={"n": 5})
        assert statuses(skipped) == {"a": "skipped", "b": "skipped", "c": "completed"}
        assert skipped["status"] == "completed"
        assert skipped["trace"][0]["reason"] == "its condition is false: '5' greater_than '5'"

    def test_one_that_cannot_be_compared_fails_the_node(self, api: Api) -> None:
        node = llm("a", condition={"field": "{{input.n}}", "operator": "less_than", "value": 5})
        assert "condition: cannot compare x and 5" in api.run(node, inputs={"n": "x"})["error"]
        assert "there is no 'n'" in api.run(node)["error"]

    def test_a_missing_value_is_empty(self, api: Api) -> None:
        node = llm("a", condition={"field": "{{input.n}}", "operator": "is_empty"})
        assert statuses(api.run(node)) == {"a": "completed"}

    def test_a_secret_is_not_shown_in_the_reason(self, api: Api) -> None:
        node = llm("a", condition={"field": "{{secrets.TOKEN}}", "operator": "equals", "value": "x"})
        assert "s3cret" not in api.run(node)["trace"][0]["reason"]

    @each_row(("given", "branch"), [(True, "yes"), ("true", "yes"), (False, "no"), ("True", "no")])
    def test_a_boolean_equals_its_text(self, api: Api, given: Any, branch: str) -> None:
        gate: dict[str, Any] = {"id": "gate", "type": "conditional", "left_value": "{{input.x}}", "operator": "equals"}
        gate |= {"right_value": "true", "true_branch": ["yes"], "false_branch": ["no"]}
        execution = api.run(gate, llm("yes"), llm("no"), inputs={"x": given})
        assert [name for name in ("yes", "no") if name in execution["outputs"]] == [branch]


class TestFallbacks:
    def test_its_output_stands_in_and_dependents_wait_for_it(self) -> None:
        emulator = Emulator(time="skip")
        failing(emulator, "first")
        nodes = [
            tool("a", "first", fallback="b"),
            tool("b", "wait", {"seconds": 60}),
            llm("c", "{{a.tool}} and {{b.tool}}"),
            llm("d", "only {{a.tool}}"),
        ]
        execution = run(emulator, *nodes)
        assert (execution["status"], execution["error"], execution["nodes_failed"]) == ("completed", None, 1)
        assert statuses(execution) == {"a": "failed", "b": "completed", "c": "completed", "d": "completed"}
        assert execution["outputs"]["a"] == execution["outputs"]["b"] == {"tool": "wait", "params": {"seconds": 60}}
        assert execution["outputs"]["d"] == "[default model] only wait"

    def test_a_fallback_may_have_a_fallback(self) -> None:
        emulator = Emulator(time="skip")
        failing(emulator, "first", "second")
        nodes = [tool("a", "first", fallback="b"), tool("b", "second", fallback="c"), llm("c"), llm("d", "<{{a}}>")]
        execution = run(emulator, *nodes)
        assert execution["outputs"]["d"] == "[default model] <[default model] do>"

    def test_one_that_fails_too_fails_the_run(self) -> None:
        emulator = Emulator(time="skip")
        failing(emulator, "first", "second")
        execution = run(emulator, tool("a", "first", fallback="b"), tool("b", "second"), llm("c", "{{a}}"))
        assert (execution["status"], execution["error"]) == ("failed", "node 'a': first is down")
        assert statuses(execution)["c"] == "skipped"

    def test_it_runs_after_the_retries(self) -> None:
        emulator = Emulator(time="skip")
        attempts = flaky(emulator, 99)
        node = tool("a", "flaky", fallback="b", retry={"max_attempts": 3, "delay": 10})
        execution = run(emulator, node, llm("b"))
        assert (execution["status"], attempts, execution["duration_ms"] // 1000) == ("completed", [1, 2, 3], 20)

    def test_one_that_needs_a_dependent_is_not_waited_for(self) -> None:
        emulator = Emulator(time="skip")
        failing(emulator, "first")
        nodes = [tool("a", "first", fallback="b"), llm("b", dependencies=["c"]), llm("c", dependencies=["a"])]
        assert run(emulator, *nodes)["status"] == "failed"


class TestRetries:
    @each_row(
        ("retry", "seconds", "place"),
        [
            ({"delay": 10}, 30, "default"),
            ({"delay": 10, "backoff": "linear"}, 60, "node"),
            ({"delay": 10, "backoff": "exponential"}, 70, "node"),
        ],
    )
    def test_the_delay_of_a_retry_grows_by_the_backoff(self, retry: dict[str, Any], seconds: int, place: str) -> None:
        emulator = Emulator(time="skip")
        attempts = flaky(emulator, 99)
        retry = {"max_attempts": 4} | retry
        if place == "node":
            execution = run(emulator, tool("a", "flaky", retry=retry))
        else:
            execution = run(emulator, tool("a", "flaky"), default_retry=retry)
        assert (execution["duration_ms"] // 1000, len(attempts)) == (seconds, 4)

    def test_a_node_that_says_something_of_it_ignores_the_default(self) -> None:
        emulator = Emulator(time="skip")
        attempts = flaky(emulator, 99)
        run(emulator, tool("a", "flaky", enable_retry=False), default_retry={"max_attempts": 4})
        assert attempts == [1]


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

    def test_of_a_workflow(self) -> None:
        emulator = Emulator(time="skip")
        nodes = [
            tool("a", "wait", {"seconds": 20}),
            tool("b", "wait", {"seconds": 20}, dependencies=["a"]),
            llm("c", dependencies=["b"]),
        ]
        fits = run(emulator, *nodes, timeout=40)
        assert (fits["status"], fits["duration_ms"]) == ("completed", 40_000)
        late = run(emulator, *nodes, timeout=30, allow_partial_results=True)
        assert (late["status"], late["duration_ms"]) == ("failed", 30_000)
        assert late["error"] == "the workflow: it took longer than its timeout of 30 seconds"
        assert statuses(late) == {"a": "completed", "b": "failed", "c": "skipped"}
        assert list(late["outputs"]) == ["a"]

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


class TestWorkflows:
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    def test_inputs_are_checked_before_anything_runs(self) -> None:
        emulator = Emulator()
        client = emulator.client()
        workflow = create(client, llm("a"), input_schema=self.SCHEMA)
        for inputs, message in [({}, "'n' is required"), ({"n": "5"}, "'5' is not of the type integer")]:
            with pytest.raises(ValidationError, match=message):
                client.workflows.execute(workflow, inputs=inputs)
        assert client.executions.list().first() is None
        assert client.workflows.execute(workflow, inputs={"n": 5}).status == "completed"

    def test_outputs_are_checked(self, api: Api) -> None:
        outputs = {"n": "{{input.n}}"}
        assert api.run(llm("a"), outputs=outputs, output_schema=self.SCHEMA, inputs={"n": 1})["status"] == "completed"
        failed = api.run(llm("a"), outputs=outputs, output_schema=self.SCHEMA, inputs={"n": "x"})
        assert (failed["status"], failed["outputs"]) == ("failed", {})
        assert failed["error"] == "outputs.n: 'x' is not of the type integer"

    @each_row(("more", "outputs"), [({}, []), ({"allow_partial_results": True}, ["a"])])
    def test_a_failed_run_has_outputs_only_where_they_are_asked_for(
        self, api: Api, more: dict[str, Any], outputs: list[str]
    ) -> None:
        execution = api.run(llm("a"), llm("b", "{{input.absent}}"), **more)
        assert (execution["status"], list(execution["outputs"])) == ("failed", outputs)


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

    def test_a_workflow_with_it_outlives_a_snapshot(self) -> None:
        first, second = Emulator(), Emulator()
        workflow = create(first.client(), llm("a"), llm("b"), self.LOOP)
        second.restore(first.snapshot())
        definition = second.client().workflows.get(workflow).definition
        assert definition is not None
        assert definition["nodes"][2] == self.LOOP

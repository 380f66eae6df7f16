"""The trace of an execution: what each node was given, returned, and failed or was skipped for."""

from __future__ import annotations

from typing import Any

from fibonacci.emulator import Emulator
from fibonacci.emulator.state.clock import iso
from tests.emulator.api import START, Api
from tests.emulator.handling import create
from tests.kit.nodes import llm, tool

FIELDS = [
    *("id", "type", "status", "started_at", "ended_at", "attempts", "iteration", "input", "output", "error", "reason"),
    *("usage", "warnings"),
]


def by_id(trace: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in trace}


def conditional(node_id: str, left: str, **branches: list[str]) -> dict[str, Any]:
    compared = {"left_value": left, "operator": "equals", "right_value": "x"}
    return {"id": node_id, "type": "conditional", **compared, **branches}


def test_each_node_shows_what_it_was_given_and_returned(api: Api) -> None:
    trace = api.run(
        llm("greet", "Greet {{input.name}}"),
        tool("mail", "mail", {"to": ["{{input.name}}"], "n": 5, "text": "<{{greet}}>"}),
        {"id": "judge", "type": "critic", "target_node": "greet", "criteria": ["like {{input.name}}"]},
        conditional("gate", "{{input.name}}"),
        inputs={"name": "Ada"},
    )["trace"]
    assert [list(node) for node in trace] == [FIELDS] * 4
    nodes = by_id(trace)
    assert {name: node["input"] for name, node in nodes.items()} == {
        "greet": {"instruction": "Greet Ada"},
        "gate": {"left_value": "Ada", "right_value": "x"},
        "mail": {"params": {"to": ["Ada"], "n": 5, "text": "<[default model] Greet Ada>"}},
        "judge": {"output": "[default model] Greet Ada", "criteria": ["like Ada"]},
    }
    now = iso(START)
    assert nodes["greet"] == {
        "id": "greet",
        "type": "llm",
        "status": "completed",
        "started_at": now,
        "ended_at": now,
        "attempts": 1,
        "iteration": 1,
        "input": {"instruction": "Greet Ada"},
        "output": "[default model] Greet Ada",
        "error": None,
        "reason": None,
        "usage": None,
        "warnings": [],
    }


def test_a_skipped_node_has_the_reason_and_no_times(api: Api) -> None:
    nodes = by_id(
        api.run(
            conditional("gate", "{{input.x}}", true_branch=["yes"], false_branch=["no"]),
            llm("yes"),
            llm("no"),
            llm("after", "{{no}}"),
            llm("broken", "{{input.absent}}"),
            llm("next", "{{broken}}"),
            llm("last", "{{next}}"),
            inputs={"x": "x"},
        )["trace"]
    )
    assert {name: node["reason"] for name, node in nodes.items()} == {
        "gate": None,
        "yes": None,
        "no": "it is not in the branch taken by 'gate'",
        "after": "all nodes that it depends on were skipped: no",
        "broken": None,
        "next": "it depends on 'broken', which failed",
        "last": "it depends on 'next', which did not run",
    }
    skipped = nodes["no"]
    rest: list[Any] = [None, None, 0, 1, None, None, None, skipped["reason"], None, []]
    assert [skipped[name] for name in FIELDS[2:]] == ["skipped", *rest]


def test_a_failed_node_has_its_error_and_what_could_be_rendered(api: Api) -> None:
    execution = api.run(llm("a", "{{input.name}} of {{input.absent.deep}}"), inputs={"name": "Ada"})
    (node,) = execution["trace"]
    assert (node["status"], node["attempts"], node["output"]) == ("failed", 1, None)
    assert node["error"] == "{{input.absent.deep}} has no value: there is no 'absent'"
    assert node["input"] == {"instruction": "Ada of {{input.absent.deep}}"}


def test_a_running_execution_shows_what_has_happened(api: Api) -> None:
    workflow = api.workflow(tool("slow", "wait", {"seconds": "{{input.n}}"}), llm("after", "{{slow}}"))
    started = api("POST", f"/workflows/{workflow}/execute", {"inputs": {"n": 60}}).data
    api.clock.time += 20
    slow, after = api("GET", f"/executions/{started['execution_id']}").data["trace"]
    assert (slow["status"], slow["started_at"], slow["ended_at"]) == ("running", iso(START), None)
    assert (slow["input"], slow["output"]) == ({"params": {"seconds": 60}}, None)
    assert [after[name] for name in FIELDS[2:]] == ["pending", None, None, 0, 1, None, None, None, None, None, []]
    api.clock.time += 60
    slow, after = api("GET", f"/executions/{started['execution_id']}").data["trace"]
    assert (slow["status"], slow["ended_at"], after["status"]) == ("completed", iso(START + 60), "completed")
    assert after["started_at"] == iso(START + 60)


class TestSecrets:
    def test_no_value_of_a_secret_is_shown(self, api: Api) -> None:
        given = {"auth": "Bearer {{secrets.TOKEN}}", "raw": "{{secrets.TOKEN}}", "team": "{{env.TEAM}}"}
        execution = api.run(
            tool("login", "log_in", given),
            llm("log", "It said {{login}} to {{login.params.team}}"),
            tool("leak", "leak", {"{{not}}": "{{login.params.raw}}"}),
        )
        assert (execution["status"], "s3cret" in str(execution["trace"])) == ("completed", False)
        nodes = by_id(execution["trace"])
        assert nodes["login"]["input"]["params"] == given
        assert nodes["login"]["output"]["params"]["auth"] == "Bearer ***"
        assert nodes["leak"]["input"]["params"] == {"{{not}}": "***"}
        assert "***" in nodes["log"]["input"]["instruction"]


def test_a_huge_input_is_not_kept() -> None:
    emulator = Emulator()
    emulator.llm(lambda call: len(call.instruction))
    client = emulator.client()
    execution = client.workflows.run(create(client, llm("a", "{{input.text}}" * 20)), inputs={"text": "x" * 60_000})
    assert execution.outputs == {"a": 1_200_000}
    (node,) = client.executions.get(execution.id).trace or []
    assert node.input == "(not shown: the output is larger than 1048576 bytes)"

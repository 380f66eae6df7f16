from __future__ import annotations

import re
from typing import Any

from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


def conditional(node_id: str, left: Any, operator: str, right: Any = None, **branches: list[str]) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": "conditional",
        "left_value": left,
        "operator": operator,
        "right_value": right,
        **branches,
    }


def statuses(execution: Any) -> dict[str, str]:
    return {node["id"]: node["status"] for node in execution["nodes"]}


def test_execute_returns_exactly_the_documented_fields(api: Api) -> None:
    workflow = api.workflow(llm("a", "Greet {{input.name}}", model="m"), tool("b", "post", {"to": "{{a}}"}))
    response = api("POST", f"/workflows/{workflow}/execute", {"inputs": {"name": "Ada"}})
    assert response.status == 200
    assert re.fullmatch(r"exec_[0-9a-f]+", response.data["execution_id"])
    assert response.data == {
        "execution_id": response.data["execution_id"],
        "status": "completed",
        "outputs": {"a": "[m] Greet Ada", "b": {"tool": "post", "params": {"to": "[m] Greet Ada"}}},
        "duration_ms": 0,
        "nodes_executed": 2,
        "nodes_failed": 0,
    }
    whole = api("GET", f"/executions/{response.data['execution_id']}").data
    assert whole.items() >= response.data.items()
    assert (whole["workflow_id"], whole["inputs"], whole["error"]) == (workflow, {"name": "Ada"}, None)
    del whole["trace"]
    assert api("GET", "/executions").data == [whole]


def test_without_a_definition_it_completes_with_no_outputs(api: Api) -> None:
    execution = api.run()
    assert (execution["status"], execution["outputs"], execution["nodes_executed"]) == ("completed", {}, 0)


@each_row("body", [{"inputs": []}, {"inputs": None}, {"input": {}}, []])
def test_bad_inputs_run_nothing(api: Api, body: Any) -> None:
    assert api("POST", f"/workflows/{api.workflow()}/execute", body).status == 422
    assert api("GET", "/executions").data == []


def test_templates_of_every_source(api: Api) -> None:
    api("PUT", "/memory/rules", {"value": {"max": 3}, "scope": "organization"})
    params = {
        "env": "{{env.TEAM}}",
        "secret": "{{secrets.TOKEN}}",
        "memory": "{{memory.rules.max}}",
        "list": ["{{input.tags.1}}"],
        "text": "{{input.n}} of {{memory.rules}}",
    }
    execution = api.run(tool("t", "x", params), inputs={"tags": ["a", "b"], "n": 1})
    assert execution["outputs"]["t"]["params"] == {
        "env": "blue",
        "secret": "s3cret",
        "memory": 3,
        "list": ["b"],
        "text": '1 of {"max": 3}',
    }


def test_the_workflows_own_memory_takes_precedence(api: Api) -> None:
    workflow = api.workflow(llm("a", "{{memory.k}}"))
    owner = {"workflow_id": workflow}
    for scope, more in (("global", {}), ("organization", {}), ("workflow", {}), ("workflow", owner)):
        expected = f"{scope}{len(more)}"
        api("PUT", "/memory/k", {"value": expected, "scope": scope, **more})
        outputs = api("POST", f"/workflows/{workflow}/execute", {}).data["outputs"]
        assert outputs["a"] == f"[default model] {expected}"


def test_the_outputs_map_names_the_results(api: Api) -> None:
    execution = api.run(llm("a"), tool("b"), outputs={"name": "{{b.tool}}", "both": ["{{a}}", "x {{b.tool}}"]})
    assert execution["outputs"] == {"name": "calculator", "both": ["[default model] do", "x calculator"]}
    broken = api.run(llm("a", output_format="xml"), outputs={"x": "{{a.nothing}}"}, allow_partial_results=True)
    assert (broken["status"], broken["outputs"]) == ("failed", {"a": "[default model] do"})
    assert broken["error"].startswith("outputs: {{a.nothing}}")


def test_the_branch_not_taken_is_skipped_with_its_dependents(api: Api) -> None:
    nodes = (
        conditional("c", "{{input.n}}", "greater_than", 5, true_branch=["big"], false_branch=["small", "both"]),
        llm("big"),
        llm("small"),
        llm("both"),
        llm("after-small", "{{small}}"),
        llm("join", "<{{big}}{{small}}>"),
        llm("after-join", dependencies=["join"]),
        conditional("d", 1, "equals", 1, true_branch=["both"]),
    )
    execution = api.run(*nodes, inputs={"n": 9})
    assert execution["status"] == "completed"
    assert statuses(execution) == {
        "c": "completed",
        "d": "completed",
        "big": "completed",
        "small": "skipped",
        "both": "completed",
        "after-small": "skipped",
        "join": "completed",
        "after-join": "completed",
    }
    assert execution["outputs"]["c"] == {"result": True, "branch": ["big"]}
    assert execution["outputs"]["join"] == "[default model] <[default model] do>"
    assert (execution["nodes_executed"], execution["nodes_failed"]) == (6, 0)
    assert statuses(api.run(*nodes, inputs={"n": 1}))["big"] == "skipped"


@each_row("operator", ["is_empty", "is_not_empty"])
def test_what_is_missing_is_empty(api: Api, operator: str) -> None:
    for template in ("{{input.absent}}", "{{memory.absent}}"):
        execution = api.run(conditional("c", template, operator))
        assert execution["outputs"]["c"]["result"] is (operator == "is_empty")


def test_a_critic_passes(api: Api) -> None:
    critic = {"id": "judge", "type": "critic", "target_node": "a", "criteria": ["short", "about {{input.x}}"]}
    execution = api.run(critic, llm("a"), inputs={"x": "cats"})
    assert execution["outputs"]["judge"] == {
        "passed": True,
        "overall_score": 10,
        "criteria_scores": {"short": 10, "about cats": 10},
    }


@each_row(
    ("node", "reason"),
    [
        (llm("bad", "{{input.absent}}"), "there is no 'absent'"),
        (llm("bad", "{{memory.absent}}"), "there is no memory 'absent'"),
        (llm("bad", "{{env.ABSENT}}"), "there is no 'ABSENT'"),
        (tool("bad", "wait"), "seconds"),
        (tool("bad", "wait", {"seconds": -1}), "seconds"),
        (tool("bad", "wait", {"seconds": True}), "seconds"),
        (tool("bad", "wait", {"seconds": 10**400}), "seconds"),
        (conditional("bad", "{{input}}", "less_than", 1), "{} is not a number"),
    ],
)
def test_a_failing_node_fails_the_run_and_stops_its_dependents(api: Api, node: dict[str, Any], reason: str) -> None:
    nodes = [node, llm("after", dependencies=["bad"]), llm("last", "{{after}}"), llm("free")]
    execution = api.run(*nodes, allow_partial_results=True)
    assert execution["status"] == "failed"
    assert execution["error"].startswith("node 'bad': ")
    assert reason in execution["error"]
    assert statuses(execution) == {"bad": "failed", "free": "completed", "after": "skipped", "last": "skipped"}
    assert (execution["nodes_executed"], execution["nodes_failed"]) == (2, 1)
    assert execution["outputs"] == {"free": "[default model] do"}


def test_outputs_that_double_with_every_node_end(api: Api) -> None:
    nodes = [llm("n0", "x" * 1000)] + [llm(f"n{i}", f"{{{{n{i - 1}}}}}" * 2) for i in range(1, 15)]
    execution = api.run(*nodes)
    assert execution["status"] == "failed"
    assert "larger than 1048576 bytes" in execution["error"]


def test_outputs_that_deepen_with_every_node_end(api: Api) -> None:
    def deep(inner: Any) -> Any:
        for _ in range(60):
            inner = [inner]
        return inner

    nodes = [tool(f"n{i}", "x", {"v": deep(f"{{{{n{i - 1}}}}}" if i else 1)}) for i in range(4)]
    execution = api.run(*nodes)
    assert execution["status"] == "failed"
    assert "nested deeper than 200 levels" in execution["error"]


def test_a_waiting_run_advances_with_the_clock(api: Api) -> None:
    workflow = api.workflow(
        llm("first"),
        tool("w1", "wait", {"seconds": 10}, dependencies=["first"]),
        tool("w2", "wait", {"seconds": "{{input.n}}"}),
        llm("last", "{{w1}}{{w2}}"),
    )
    started = api("POST", f"/workflows/{workflow}/execute", {"inputs": {"n": 4.5}}).data
    assert (started["status"], started["outputs"]) == ("running", {"first": "[default model] do"})
    path = f"/executions/{started['execution_id']}"
    api.clock.time += 5
    middle = api("GET", path).data
    assert (middle["status"], middle["duration_ms"], middle["completed_at"]) == ("running", 5000, None)
    assert statuses(middle) == {"first": "completed", "w1": "running", "w2": "completed", "last": "pending"}
    assert set(middle["outputs"]) == {"first", "w2"}
    assert [found["status"] for found in api("GET", "/executions?status=running").data] == ["running"]
    api.clock.time += 5
    done = api("GET", path).data
    assert (done["status"], done["duration_ms"], done["nodes_executed"]) == ("completed", 10_000, 4)
    assert done["completed_at"] == "2027-01-15T08:00:10.500Z"
    assert api("GET", "/executions?status=running").data == []
    assert api("GET", "/executions?status=unheard-of").data == []


def test_cancel_stops_an_execution(api: Api) -> None:
    workflow = api.workflow(tool("w", "wait", {"seconds": 10}))
    path = f"/executions/{api('POST', f'/workflows/{workflow}/execute', {}).data['execution_id']}"
    api.clock.time += 3
    cancelled = api("POST", f"{path}/cancel")
    assert (cancelled.status, cancelled.data["status"], cancelled.data["duration_ms"]) == (200, "cancelled", 3000)
    assert statuses(cancelled.data) == {"w": "cancelled"}
    api.clock.time += 100
    assert api("GET", path).data.items() >= cancelled.data.items()
    again = api("POST", f"{path}/cancel")
    assert (again.status, again.code) == (409, "conflict")
    finished = api.run()["execution_id"]
    assert "is completed" in api("POST", f"/executions/{finished}/cancel").json["error"]["message"]


def test_an_unknown_execution_is_named(api: Api) -> None:
    for method, path in (("GET", "/executions/exec_none"), ("POST", "/executions/exec_none/cancel")):
        response = api(method, path)
        assert response.status == 404
        assert "'exec_none'" in response.json["error"]["message"]


def test_an_execution_is_not_changed_by_later_versions(api: Api) -> None:
    workflow = api.workflow(llm("a"))
    execution = api("POST", f"/workflows/{workflow}/execute", {}).data
    api("PUT", f"/workflows/{workflow}", {"definition": {"nodes": [llm("b")]}})
    whole = api("GET", f"/executions/{execution['execution_id']}").data
    assert (whole["workflow_version"], whole["outputs"]) == (1, {"a": "[default model] do"})


@each_row("query", ["workflow_id=", "status="])
def test_a_blank_filter_is_422(api: Api, query: str) -> None:
    assert api("GET", f"/executions?{query}").status == 422


def test_memory_is_written_in_the_middle_of_a_run(api: Api) -> None:
    params = {"key": "total", "value": {"sum": "{{input.n}}"}, "ttl": 60}
    nodes = (
        tool("rest", "wait", {"seconds": 10}),
        tool("write", "memory_set", params, dependencies=["rest"]),
        tool("share", "memory_set", {"key": "k", "value": None, "scope": "user", "user_id": "ada"}),
        llm("read", "{{memory.total.sum}}", dependencies=["write"]),
    )
    workflow = api.workflow(*nodes)
    execution = api("POST", f"/workflows/{workflow}/execute", {"inputs": {"n": 5}}).data
    where = f"/memory/total?workflow_id={workflow}"
    assert api("GET", "/memory/k?scope=user&user_id=ada").data["value"] is None
    assert api("GET", where).status == 404
    api.clock.time += 10
    entry = api("GET", where).data
    assert (entry["value"], entry["ttl"], entry["expires_at"]) == ({"sum": 5}, 60, "2027-01-15T08:01:10.500Z")
    outputs = api("GET", f"/executions/{execution['execution_id']}").data["outputs"]
    assert outputs["write"] == {"tool": "memory_set", "params": params | {"value": {"sum": 5}}}
    assert outputs["read"] == "[default model] 5"
    api.clock.time += 60
    assert api("GET", where).status == 404


@each_row(
    ("params", "reason"),
    [
        ({"value": 1}, "key: Field required"),
        ({"key": "k"}, "value: Field required"),
        ({"key": "k", "value": 1, "ttl": 0}, "ttl: "),
        ({"key": "k", "value": 1, "scope": "mine"}, "scope: "),
        ({"key": "k", "value": 1, "scope": "user"}, "user_id is required"),
    ],
)
def test_invalid_parameters_of_memory_set_fail_the_node(api: Api, params: dict[str, Any], reason: str) -> None:
    execution = api.run(tool("a", "memory_set", params))
    assert execution["error"].startswith("node 'a': the tool memory_set: ")
    assert reason in execution["error"]


def test_a_run_is_not_changed_by_changes_of_its_workflow(api: Api) -> None:
    workflow = api.workflow(tool("w", "wait", {"seconds": 10}), llm("after", "{{w.tool}}"))
    execution = api("POST", f"/workflows/{workflow}/execute", {}).data
    api("DELETE", f"/workflows/{workflow}")
    api.clock.time += 10
    done = api("GET", f"/executions/{execution['execution_id']}").data
    assert (done["status"], done["outputs"]["after"]) == ("completed", "[default model] wait")


def test_events_of_all_runs_are_processed_in_order_of_time(api: Api) -> None:
    def write(seconds: float) -> str:
        first = tool("w", "wait", {"seconds": seconds})
        params = {"key": "last", "value": seconds, "scope": "global"}
        return api.workflow(first, tool("m", "memory_set", params, dependencies=["w"]))

    for workflow in [write(7), write(3), write(5)]:
        api("POST", f"/workflows/{workflow}/execute", {})
    api.clock.time += 10
    assert api("GET", "/memory/last?scope=global").data["value"] == 7

"""What a run returns, and what may end it."""

from __future__ import annotations

import re
from typing import Any

from tests.emulator.api import Api
from tests.kit.assertions import each_row
from tests.kit.nodes import llm, tool


def test_execute_returns_exactly_the_documented_fields(api: Api) -> None:
    workflow = api.workflow(llm("a", "Greet {{input.name}}", model="m"), tool("b", "post", {"to": "{{a}}"}))
    response = api("POST", f"/workflows/{workflow}/execute", {"inputs": {"name": "Ada"}})
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
    del whole["trace"]
    assert api("GET", "/executions").data == [whole]


def test_templates_of_every_source(api: Api) -> None:
    api("PUT", "/memory/rules", {"value": {"max": 3}, "scope": "organization"})
    params = {
        "env": "{{env.TEAM}}",
        "secret": "{{secrets.TOKEN}}",
        "memory": "{{memory.rules.max}}",
        "list": ["{{input.tags.1}}"],
        "text": "{{input.n}} of {{memory.rules}}",
    }
    execution = api.run(
        *(tool("t", "x", params), llm("a", output_format="xml")),
        inputs={"tags": ["a", "b"], "n": 1},
        outputs={"given": "{{t.params}}", "both": ["{{a}}", "x {{t.tool}}"]},
    )
    given = {"env": "blue", "secret": "s3cret", "memory": 3, "list": ["b"], "text": '1 of {"max": 3}'}
    assert execution["outputs"] == {"given": given, "both": ["[default model] do", "x x"]}


def deep(inner: Any) -> Any:
    for _ in range(60):
        inner = [inner]
    return inner


@each_row(
    ("nodes", "reason"),
    [
        ([llm("bad", "{{memory.absent}}")], "node 'bad': {{memory.absent}} has no value: there is no memory 'absent'"),
        ([llm("bad", "{{env.ABSENT}}")], "there is no 'ABSENT'"),
        ([llm("bad", condition={"field": "{{input.n}}", "operator": "less_than", "value": 5})], "there is no 'n'"),
        ([tool("bad", "wait", {"seconds": 10**400})], "seconds"),
        ([tool("bad", "memory_set", {"key": "k"})], "node 'bad': the tool memory_set: value: Field required"),
        ([tool("bad", "memory_set", {"key": "k", "value": 1, "scope": "user"})], "user_id is required"),
        ([tool("bad", "memory_set", {"key": "k", "value": 1, "workflow_id": "wf-0"})], "there is no workflow 'wf-0'"),
        (
            [llm("n0", "x" * 1000), *(llm(f"n{i}", f"{{{{n{i - 1}}}}}" * 2) for i in range(1, 15))],
            "larger than 1048576 bytes",
        ),
        (
            [tool(f"n{i}", "x", {"v": deep(f"{{{{n{i - 1}}}}}" if i else 1)}) for i in range(4)],
            "nested deeper than 200 levels",
        ),
    ],
)
def test_a_failing_node_fails_the_run_and_says_why(api: Api, nodes: list[dict[str, Any]], reason: str) -> None:
    execution = api.run(*nodes)
    assert (execution["status"], reason in execution["error"]) == ("failed", True)

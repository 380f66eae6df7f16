from __future__ import annotations

from typing import Any

from fibonacci.definitions import WorkflowDefinition, to_plain
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import levels


def llm(node_id: str, instruction: str = "do", *needs: str) -> dict[str, Any]:
    return {"id": node_id, "type": "llm", "instruction": instruction, "dependencies": list(needs)}


def test_dependencies_are_explicit_and_implied() -> None:
    condition = {"field": "{{e}}", "operator": "equals", "value": "{{f}}"}
    nodes: list[dict[str, Any]] = [
        llm("a", "") | {"fallback": "b", "on_error": "c", "system_prompt": "{{d}}", "condition": condition},
        llm("b", "do", "d") | {"memory_write": {"x": ["{{c}}", "{{b}}"]}},
        llm("c"),
        {"id": "d", "type": "conditional", "left_value": "{{f.0}}", "operator": "is_empty", "true_branch": ["c"]},
        {"id": "e", "type": "critic", "target_node": "d", "improvement_prompt": "{{f}} {{e}}"},
        {"id": "f", "type": "tool", "tool": "t", "inputs": {"a": "{{input.x}}"}},
    ]
    expected = {"a": ["d", "e", "f"], "b": ["a", "d", "c"], "c": ["a", "d"], "d": ["f"], "e": ["d", "f"], "f": []}
    assert Flow(to_plain(WorkflowDefinition.model_validate({"nodes": nodes}))["nodes"]).waits_for == expected
    assert Flow(nodes).waits_for == expected
    assert levels(Flow(nodes).waits_for) == [["f"], ["d"], ["e"], ["a"], ["c"], ["b"]]

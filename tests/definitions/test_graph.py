from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions import WorkflowDefinition, to_plain
from fibonacci.definitions.flow import Flow
from fibonacci.definitions.graph import find_cycles, levels


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


def test_every_strongly_connected_group_is_reported_once() -> None:
    edges = {"a": ["b"], "b": ["a", "c"], "c": ["d", "a"], "d": ["d"], "e": ["f"], "f": ["e"], "g": ["a"]}
    assert find_cycles(edges) == [["a", "b"], ["d"], ["e", "f"]]


NAMES = "abcdefg"
EDGES = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True) for name in NAMES})


@given(EDGES)
def test_levels_and_cycles_agree(edges: dict[str, list[str]]) -> None:
    groups = levels(edges)
    cycles = find_cycles(edges)
    place = {name: index for index, group in enumerate(groups) for name in group}
    for name, level in place.items():
        assert all(place[target] < level for target in edges[name])
    assert (len(place) == len(NAMES)) == (not cycles)
    for cycle in cycles:
        assert all(target in edges[name] for name, target in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


def test_a_long_chain_needs_no_recursion() -> None:
    names = [f"n{index}" for index in range(20000)]
    edges = {name: [names[(index + 1) % len(names)]] for index, name in enumerate(names)}
    assert find_cycles(edges) == [names]

"""Nodes of types that this version does not know: kept as they are, warned of, shown, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fibonacci.definitions import (
    Generation,
    Problem,
    WorkflowDefinition,
    check_definition,
    check_file,
    dump,
    dumps,
    load,
    loads,
    to_plain,
)
from fibonacci.definitions.node_kinds import NODE_KINDS
from tests.kit.assertions import each_row

GENERATIONS: tuple[Generation, ...] = ("newer", "older")

# Its keys have the names of other types' keys, of older spellings and of 0.2.4, with values that those cannot have.
LOOP: dict[str, Any] = {
    "id": "each",
    "type": "loop",
    "name": "Each mail",
    "dependencies": ["first"],
    "over": "{{input.mails}}",
    "prompt": "Sum up {{item}} after {{first}}, {{ not a template }} {",
    "inputs": ["a", 1, None],
    "retry": {"max_attempts": 3, "until": "it works"},
    "enable_retry": "always",
    "max_retries": 3,
    "timeout": "1 h",
    "condition": {"field": 1, "operator": "equals", "value": 2},
    "true_branch": ["nobody"],
    "fallback": "nobody",
    "tool_name": "x",
    "config": {"max_retries": 5, "deep": {"er": [1.5, True]}},
    "model": "large",
}
FIRST: dict[str, Any] = {"id": "first", "type": "llm", "instruction": "Begin"}
LAST: dict[str, Any] = {"id": "last", "type": "llm", "instruction": "End {{each.0}}"}
DEFINITION: dict[str, Any] = {"nodes": [FIRST, LOOP, LAST], "outputs": {"all": "{{last}}"}}


def test_it_is_kept_as_it_is_in_each_format_and_generation(tmp_path: Path) -> None:
    for text_format in ("yaml", "json"):
        for generation in GENERATIONS:
            path = tmp_path / f"{generation}.{text_format}"
            dump(DEFINITION, path, generation=generation)
            definition = load(path)
            assert to_plain(definition)["nodes"][1] == LOOP
            assert to_plain(definition, generation="older")["nodes"][1] == LOOP
            assert definition.nodes[1].model_dump(mode="json") == LOOP
            assert loads(dumps(definition)) == definition
            assert WorkflowDefinition.model_validate_json(definition.model_dump_json()) == definition


def test_it_is_one_warning(tmp_path: Path) -> None:
    known = ", ".join(NODE_KINDS)
    message = f"this version does not know the node type 'loop', only {known}. The node is kept as it is"
    problem = Problem(location="nodes[1].type", code="unknown_node_type", message=message, severity="warning")
    problems = check_definition(DEFINITION, tools=["web_search"], models=["large"])
    assert (problems, problems.warnings, problems.errors) == ([problem], [problem], [])
    path = tmp_path / "flow.yaml"
    path.write_text(
        "nodes:\n- id: each\n  type: loop\n  over: x\n- id: next\n  type: llm\n  prompt: Go\n", encoding="utf-8"
    )
    (found,) = check_file(path)
    assert (found.source, found.code, found.severity) == (f"{path}:3:9", "unknown_node_type", "warning")


@each_row(
    ("node_type", "near"),
    [("lllm", "llm"), ("LLM", "llm"), ("tools", "tool"), ("Critic", "critic"), ("condition", "conditional")],
)
def test_a_name_that_resembles_a_known_one_is_an_error(node_type: str, near: str) -> None:
    definition = {"nodes": [{**LOOP, "type": node_type}, FIRST]}
    (problem,) = check_definition(definition).errors
    assert (problem.code, problem.location) == ("misspelled_node_type", "nodes[0].type")
    assert problem.message == f"{node_type!r} is not a type of node. Did you mean {near!r}?"


@each_row(
    ("change", "expected"),
    [
        ({"id": "Each"}, [("nodes[0].id", "bad_id")]),
        ({"id": "first"}, [("nodes[1].id", "duplicate_id")]),
        ({"name": 5}, [("nodes[0].name", "wrong_type")]),
        ({"type": ""}, [("nodes[0].type", "invalid_value")]),
        ({"dependencies": ["nobody"]}, [("nodes[0].dependencies[0]", "unknown_dependency")]),
        ({"over": float("nan")}, [("nodes[0].over", "not_json")]),
    ],
)
def test_what_all_nodes_have_is_checked(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    problems = check_definition({"nodes": [{**LOOP, **change}, FIRST]})
    assert [(problem.location, problem.code) for problem in problems.errors] == expected

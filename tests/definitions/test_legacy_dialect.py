"""The dialect of fibonacci-sdk 0.2.4: each word is read, with a warning that names today's word and the line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from fibonacci.definitions import DefinitionError, check_file, check_inputs, load, loads
from fibonacci.definitions.files.legacy_dialect import in_todays_words
from tests.kit.assertions import each_row

# As the package's exporter wrote its files: every key of the dialect.
OLD = """\
name: Support
description: ''
version: 1
is_active: true
is_template: false
nodes:
- id: read
  type: tool
  name: Read
  tool_name: google_docs_read
  tool_params:
    document_id: '{{input.doc}}'
  config:
    timeout: 10
    max_retries: 5
    retry_delay: 2.0
- id: judge
  type: llm
  name: Judge
  dependencies:
  - read
  instruction: 'Judge {{read}}'
  config:
    model: claude-haiku-4-5
    max_tokens: 2000
    temperature: 1.0
- id: gate
  type: condition
  name: Gate
  dependencies:
  - judge
  left_value: '{{judge}}'
  operator: '=='
  right_value: good
  true_branch:
  - thank
  false_branch: []
- id: thank
  type: tool
  name: Thank
  tool_name: gmail_send
  tool_params: {}
- id: assess
  type: critic
  name: Assess
  dependencies:
  - judge
  evaluation_criteria:
  - clarity
"""

NEW = """\
name: Support
description: ''
version: 1
nodes:
- id: read
  type: tool
  name: Read
  tool: google_docs_read
  params:
    document_id: '{{input.doc}}'
  timeout: 10
  enable_retry: true
  max_retries: 5
  retry_delay: 2.0
- id: judge
  type: llm
  name: Judge
  dependencies:
  - read
  model: claude-haiku-4-5
  instruction: Judge {{read}}
  max_tokens: 2000
  temperature: 1.0
- id: gate
  type: conditional
  name: Gate
  dependencies:
  - judge
  left_value: '{{judge}}'
  operator: equals
  right_value: good
  true_branch:
  - thank
  false_branch: []
- id: thank
  type: tool
  name: Thank
  tool: gmail_send
  params: {}
- id: assess
  type: critic
  name: Assess
  dependencies:
  - judge
  target_node: judge
  criteria:
  - clarity
"""

WORDS = {
    "'is_active'": ("4:1", "nothing replaces it, so remove it"),
    "'is_template'": ("5:1", "nothing replaces it, so remove it"),
    "'tool_name'": ("10:3", "write 'tool' (also on line 41)"),
    "'tool_params'": ("11:3", "write 'params' (also on line 42)"),
    "'config'": ("13:3", "write its keys directly in the node (also on line 23)"),
    "type 'condition'": ("28:9", "write 'conditional'"),
    "operator '=='": ("33:13", "write 'equals'"),
    "a critic without 'target_node'": ("46:3", "write 'target_node: judge'"),
    "'evaluation_criteria'": ("48:3", "write 'criteria'"),
}


def test_every_word_is_read_with_one_warning_that_names_the_new_one_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text(OLD, "utf-8")
    with pytest.warns(DeprecationWarning, match="is from fibonacci-sdk 0") as caught:
        definition = load(path)
    assert definition == loads(NEW)
    assert definition.nodes[4].model_dump()["criteria"] == ["clarity"]
    found = [str(warning.message) for warning in caught]
    assert len(found) == len(WORDS)
    for message, (word, (place, successor)) in zip(found, WORDS.items(), strict=True):
        assert message.startswith(f"{path}:{place}: {word} is from fibonacci-sdk 0.2.4: ")
        assert message.endswith(successor)


def test_a_check_lists_the_words_as_warnings(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text(OLD, "utf-8")
    found = [problem for problem in check_file(path) if problem.code == "deprecated_word"]
    assert [str(problem.source).removeprefix(f"{path}:") for problem in found] == [place for place, _ in WORDS.values()]
    assert {problem.severity for problem in found} == {"warning"}


@each_row(("old", "new"), [(">=", "less_than"), ("<=", "greater_than")])
def test_an_operator_without_a_successor_names_the_remedy(old: str, new: str) -> None:
    node = {"id": "gate", "type": "condition", "left_value": "{{input.x}}", "operator": old, "right_value": "1"}
    with (
        pytest.warns(DeprecationWarning, match="conditional"),
        pytest.raises(DefinitionError, match=f"use '{new}', and swap 'true_branch' and 'false_branch'"),
    ):
        loads(json.dumps({"nodes": [node]}))


def test_both_words_for_one_thing_are_a_fault() -> None:
    text = "nodes:\n- id: a\n  type: tool\n  tool: x\n  tool_name: y\n  timeout: 1\n  config:\n    timeout: 2\n"
    with pytest.warns(DeprecationWarning, match="is from fibonacci-sdk 0"), pytest.raises(DefinitionError) as caught:
        loads(text, name="flow.yaml")
    faults = [str(problem) for problem in caught.value.problems if problem.severity == "error"]
    assert faults == [
        "flow.yaml:5:3: error: 'tool' is already a key of this object, on line 4",
        "flow.yaml:8:5: error: 'timeout' is already a key of this object, on line 6",
    ]


def test_faults_are_found_where_the_old_words_stand() -> None:
    text = OLD.replace("timeout: 10", "timeout: soon").replace("document_id: '{{input.doc}}'", "document_id: '{{x}}'")
    with pytest.warns(DeprecationWarning, match="is from fibonacci-sdk 0"), pytest.raises(DefinitionError) as caught:
        loads(text, name="old.yaml")
    faults = [
        f"{problem.source} {problem.location}" for problem in caught.value.problems if problem.severity == "error"
    ]
    assert faults == ["old.yaml:12:19 nodes[0].params.document_id", "old.yaml:14:14 nodes[0].timeout"]


@each_row(
    "text", ["nodes: 7", "nodes: [7, {type: [condition]}, {config: 5}]", "nodes: [{config: }, {type: critic}]", "a: b"]
)
def test_a_faulty_definition_is_no_surprise(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(DefinitionError):
            loads(text)


def test_a_definition_on_a_server_may_have_these_words() -> None:
    """A workflow that 0.2.4 has deployed is run, drawn and pulled: what its tool reads are inputs too."""
    nodes: list[dict[str, Any]] = [
        {"id": "read", "type": "tool", "tool_name": "sheet", "tool_params": {"id": "{{input.sheet}}"}, "config": {}},
        {"id": "ask", "type": "condition", "left_value": "{{input.kind}}", "operator": "==", "true_branch": ["read"]},
    ]
    definition = {"name": "Report", "nodes": nodes, "edges": []}
    assert not check_inputs(definition, {"kind": "a", "sheet": "b"})
    problems = {each.location for each in check_inputs(definition, {"kynd": "a"})}
    assert problems == {"inputs.kind", "inputs.sheet", "inputs.kynd"}
    assert in_todays_words(definition) == {
        "name": "Report",
        "nodes": [
            {"id": "read", "type": "tool", "tool": "sheet", "params": {"id": "{{input.sheet}}"}},
            {**nodes[1], "type": "conditional", "operator": "equals", "right_value": ""},
        ],
    }
    assert nodes[0]["tool_name"] == "sheet"  # what was passed is left as it is
    edge = {"from": "a", "to": "b"}
    for other in ({}, {"nodes": None}, {"nodes": [3, {"id": "a", "type": "loop"}]}, {"nodes": [], "edges": [edge]}):
        assert in_todays_words(other) is other

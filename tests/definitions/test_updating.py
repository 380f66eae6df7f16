"""The text of a definition that has changed elsewhere keeps what its author wrote."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.definitions import DefinitionError, diff, to_plain
from fibonacci.definitions.files.load_and_dump import read_text
from fibonacci.definitions.files.source import Source
from fibonacci.definitions.files.updating import updated_text
from tests.kit.assertions import each_row

TRIAGE = """\
# Triage of mail. Owner: support

name: triage   # as in the dashboard
description: >
  Sorts the mail
  into two boxes
nodes:   # three of them
  # first of all
  - id: classify
    type: llm
    # cheap, and good enough
    model: 'small'  # pinned
    prompt: |
      Classify {{ input.mail }}.   # no comment

      Answer with one word.
    retry: {max_attempts: 3, delay: 2}  # flaky

  # asks people
  - id: page
    type: tool
    tool: slack.send   # dotted
    inputs:
      # where to
      channel: "#ops"
      text: "{{classify}} and {{ input.mail }}"

  # goes away
  - id: old   # really
    type: llm
    prompt: Old
    # and this with it

# what comes out
outputs:
  answer: "{{ classify }}"  # short
# the end
"""


def definition_in(text: str) -> dict[str, Any]:
    return to_plain(read_text(Source(text, "a.yaml"), "yaml").plain())


def updated(text: str, **fields: Any) -> str | None:
    """Return a text after the nodes of its definition got other fields, by the id of the node; None removes one."""
    definition = definition_in(text)
    nodes = {node["id"]: node for node in definition["nodes"]}
    for node_id, changes in fields.items():
        nodes[node_id] = changes and {**nodes.get(node_id, {"id": node_id}), **changes}
    definition["nodes"] = [node for node in nodes.values() if node]
    result = updated_text(text, "a.yaml", definition)
    assert result is None or not diff(definition_in(result), definition)
    return result


def test_an_instruction_changed_a_node_more_and_one_less() -> None:
    new = {"type": "llm", "instruction": "Thank {{input.name}}\nfor the mail\n", "temperature": 0.5}
    result = updated(
        TRIAGE,
        classify={"instruction": "Classify {{input.mail}}.   # no comment\n\nAnswer with two words.\n"},
        thank=new,
        old=None,
    )
    assert (
        result
        == """\
# Triage of mail. Owner: support

name: triage  # as in the dashboard
description: |
  Sorts the mail into two boxes
nodes:  # three of them
# first of all
- id: classify
  type: llm
  # cheap, and good enough
  model: small  # pinned
  prompt: |
    Classify {{input.mail}}.   # no comment

    Answer with two words.
  retry:  # flaky
    max_attempts: 3
    delay: 2

# asks people
- id: page
  type: tool
  tool: slack.send  # dotted
  inputs:
    # where to
    channel: '#ops'
    text: '{{classify}} and {{ input.mail }}'
- id: thank
  type: llm
  prompt: |
    Thank {{input.name}}
    for the mail
  temperature: 0.5
# and this with it

# what comes out
outputs:
  answer: '{{ classify }}'  # short
# the end
"""
    )


@each_row(
    ("before", "fields", "after"),
    [
        (
            "channel: '#ops'",
            {"page": {"params": {"channel": "#all", "text": "{{classify}} and {{input.mail}}"}}},
            "channel: '#all'",
        ),
        (
            "max_attempts: 3",
            {"classify": {"max_retries": 4}},
            "max_attempts: 5",
        ),
        (
            "model: small  # pinned",
            {"classify": {"model": {"one": [1, "x"], "two": {}}}},
            "model:  # pinned\n    one:\n    - 1\n    - x\n    two: {}",
        ),
        (
            "model: small  # pinned\n",
            {"classify": {"model": "a\nb"}},
            "model: |-  # pinned\n    a\n    b\n",
        ),
        (
            "prompt: |\n    Classify {{ input.mail }}.   # no comment\n\n    Answer with one word.\n",
            {"classify": {"instruction": 5}},
            "prompt: 5\n",
        ),
        (
            "model: small  # pinned\n",
            {"classify": {"system_prompt": "Be brief"}},
            "model: small  # pinned\n  system_prompt: Be brief\n",
        ),
    ],
)
def test_only_what_differs_changes(before: str, fields: dict[str, Any], after: str) -> None:
    """In a text that has been written once: the first update brings the style of `fibonacci fmt`."""
    text = str(updated(TRIAGE))
    assert updated(text) == text
    assert text.count(before) == 1
    assert updated(text, **fields) == text.replace(before, after)


def test_nodes_keep_their_order_and_their_comments_whatever_the_platforms_order() -> None:
    text = "nodes:\n# why\n- id: b\n  type: llm\n# of all\n- id: a  # first\n  type: tool\n"
    nodes = [{"id": "a", "type": "tool"}, {"id": "c", "type": "llm"}, {"id": "b", "type": "llm"}]
    expected = text + "- id: c\n  type: llm\n"
    assert updated_text(text, "a.yaml", {"nodes": nodes}) == expected


def test_defaults_stay_where_the_file_says_them_and_come_from_nowhere_else() -> None:
    text = "nodes:\n- id: a\n  type: tool\n  tool: x\n  timeout: 30\n"
    node: dict[str, Any] = {"id": "a", "type": "tool", "tool": "x", "enable_retry": False, "dependencies": []}
    assert updated_text(text, "a.yaml", {"nodes": [node], "allow_partial_results": False}) == text


def test_a_faulty_definition_is_written_too() -> None:
    """It is mended in the file."""
    assert "max_retries: many" in str(updated(TRIAGE, classify={"max_retries": "many"}))
    assert "nodes: 5" in str(updated_text(TRIAGE, "a.yaml", {"name": "triage", "nodes": 5}))


def test_a_definition_that_cannot_be_written_is_refused() -> None:
    node = {"id": "a", "type": "llm", "prompt": "x", "instruction": "y"}
    with pytest.raises(DefinitionError, match="are the same field with different values"):
        updated_text(TRIAGE, "a.yaml", {"nodes": [node]})


def test_json_keeps_its_indentation_and_the_schema_for_editors() -> None:
    text = '{\n\t"$schema": "https://example.com/x",\n\t"timeout": 5\n}'
    assert updated_text(text, "a.json", {"timeout": 6, "name": "x", "nodes": []}) == (
        '{\n\t"$schema": "https://example.com/x",\n\t"name": "x",\n\t"timeout": 6,\n\t"nodes": []\n}\n'
    )

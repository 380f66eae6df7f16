"""The text of a definition that has changed elsewhere keeps what its author wrote."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.definitions import DefinitionError, diff, to_plain
from fibonacci.definitions.files.load_and_dump import read_text
from fibonacci.definitions.files.source import Source
from fibonacci.definitions.files.updating import updated_text
from tests.kit.assertions import check_each, each_row
from tests.tools.commented_files import check_files

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
    thanks = """\
  - id: thank
    type: llm
    instruction: |
      Thank {{input.name}}
      for the mail
    temperature: 0.5
"""
    start, end = TRIAGE.index("  # goes away"), TRIAGE.index("\n# what comes out")
    expected = TRIAGE[:start] + thanks + TRIAGE[end:]
    assert result == expected.replace("one word", "two words")


EDITS: dict[str, tuple[str, dict[str, Any], str]] = {
    "its own words": (
        'inputs:\n      # where to\n      channel: "#ops"',
        {"page": {"params": {"channel": "#all", "text": "{{classify}} and {{input.mail}}"}}},
        'inputs:\n      # where to\n      channel: "#all"',
    ),
    "the spaces in braces": (
        '"{{classify}} and {{ input.mail }}"',
        {"page": {"params": {"channel": "#ops", "text": "{{input.mail}} or {{classify}}"}}},
        '"{{ input.mail }} or {{classify}}"',
    ),
    "a retry in the older spelling": (
        "retry: {max_attempts: 3, delay: 2}  # flaky",
        {"classify": {"max_retries": 4}},
        "retry: {max_attempts: 5, delay: 2}  # flaky",
    ),
    "a comment behind a value that gets lines": (
        "model: 'small'  # pinned",
        {"classify": {"model": {"one": [1, "x"], "two": {}}}},
        "model:  # pinned\n      one:\n        - 1\n        - x\n      two: {}",
    ),
    "a quoted text that gets lines": (
        "model: 'small'  # pinned\n",
        {"classify": {"model": "a\nb"}},
        "model: |-  # pinned\n      a\n      b\n",
    ),
    "a block text that becomes a number": (
        "prompt: |\n      Classify {{ input.mail }}.   # no comment\n\n      Answer with one word.\n",
        {"classify": {"instruction": 5}},
        "prompt: 5\n",
    ),
    "a block text that loses its last line break": (
        "prompt: |\n      Classify {{ input.mail }}.   # no comment\n\n      Answer with one word.\n",
        {"classify": {"instruction": "Classify {{input.mail}}.   # no comment\n\nAnswer with a word."}},
        "prompt: |-\n      Classify {{ input.mail }}.   # no comment\n\n      Answer with a word.\n",
    ),
    "a field more": (
        "# cheap, and good enough\n    model: 'small'  # pinned\n",
        {"classify": {"system_prompt": "Be brief"}},
        "# cheap, and good enough\n    model: 'small'  # pinned\n    system_prompt: Be brief\n",
    ),
    "a field less": (
        "    type: llm\n    # cheap, and good enough\n    model: 'small'  # pinned\n",
        {"classify": {"model": None}},
        "    type: llm\n    # cheap, and good enough\n    model: null  # pinned\n",
    ),
}


def test_what_stays_as_it_is() -> None:
    def check(name: str) -> None:
        before, fields, after = EDITS[name]
        assert TRIAGE.count(before) == 1
        assert updated(TRIAGE, **fields) == TRIAGE.replace(before, after)

    check_each(EDITS, check)


def test_items_that_are_elsewhere_take_their_comments_along() -> None:
    text = "nodes:\n- id: a\n  type: critic\n  criteria:\n  - x  # first\n  # about y\n  - y\n  - z\n  # last\n"
    moved = "nodes:\n- id: a\n  type: critic\n  criteria:\n  - z\n  # about y\n  - y\n  - x  # first\n  # last\n"
    assert updated(text, a={"criteria": ["z", "y", "x"]}) == moved


def test_of_equal_items_the_one_in_the_place_of_the_new_item_changes() -> None:
    text = "nodes:\n- id: a\n  type: critic\n  criteria:\n  - x  # first\n  - y  # second\n  - y  # third\n"
    assert updated(text, a={"criteria": ["x", "z", "y"]}) == text.replace("y  # second", "z  # second")
    assert updated(text, a={"criteria": ["x", "y", "z"]}) == text.replace("y  # third", "z  # third")
    assert updated(text, a={"criteria": ["x", "y", "y", "y"]}) == f"{text}  - y\n"


def test_a_node_in_place_of_the_first_one_changes_nothing_else() -> None:
    text = "name: 'x'\nnodes:\n# of all\n\n- id: a  # goes\n  type: llm\n\n# why\n- id: b\n  'type': llm\n"
    nodes = [{"id": "c", "type": "tool"}, {"id": "b", "type": "llm"}]
    expected = text.replace("- id: a  # goes\n  type: llm\n", "- id: c\n  type: tool\n")
    assert updated_text(text, "a.yaml", {"name": "x", "nodes": nodes}) == expected


def test_a_node_with_another_id_is_the_same_node() -> None:
    definition = definition_in(TRIAGE)
    definition["nodes"][2]["id"] = "new"
    assert updated_text(TRIAGE, "a.yaml", definition) == TRIAGE.replace("id: old ", "id: new ")


def test_a_folded_text_keeps_its_lines() -> None:
    definition = definition_in(TRIAGE) | {"description": "Sorts the mail into four boxes, or more\n"}
    result = updated_text(TRIAGE, "a.yaml", definition)
    assert result == TRIAGE.replace("  into two boxes\n", "  into four boxes, or more\n")


def test_a_block_text_at_the_end_of_a_text_without_a_line_break() -> None:
    text = "nodes:\n- id: a\n  type: llm\n  prompt: |  # why\n    Hello"
    for header, without_end in (("|", "|-"), ("|+", "|-"), (">-", ">-"), ("|2-", "|2-"), ("|-2", "|2-")):
        result = updated(text.replace("|", header), b={"type": "llm"})
        assert result == text.replace("|", without_end) + "\n- id: b\n  type: llm"
    assert updated(text, a={"model": "m"}) == text.replace("  prompt", "  model: m\n  prompt")
    assert updated(text, a={"instruction": "Hello\n"}) == f"{text}\n"


def test_the_order_of_dependencies_and_how_the_text_begins_and_its_lines_end_stay() -> None:
    text = "\ufeffnodes:\r\n- id: a\r\n  type: llm\r\n  dependencies: [c, b]  # both\r\n"
    result = updated(text, a={"dependencies": ["b", "c", "d"]}, e={"type": "llm"})
    assert result == text.replace("[c, b]", "[c, b, d]") + "- id: e\r\n  type: llm\r\n"


def test_words_of_0_2_4_stay() -> None:
    text = """\
is_active: true  # yes
nodes:
- id: a
  type: tool
  tool_name: x  # which
  tool_params: {q: 1}  # what
  config: {timeout: 5, max_retries: 2}  # patience
- {id: g, type: condition, left_value: "{{a}}", operator: "==", right_value: x}
"""
    result = updated(text, a={"params": {"q": 2}, "timeout": 6, "max_retries": 3})
    assert result == text.replace("q: 1", "q: 2").replace("timeout: 5, max_retries: 2", "timeout: 6, max_retries: 3")


def test_anchors_become_what_they_stand_for() -> None:
    text = """\
nodes:
- &first
  id: a  # one
  type: llm
  instruction: &text "Greet"  # hello
- id: b
  type: llm
  instruction: *text  # the same
  model: !!str 5
"""
    nodes = [{"id": name, "type": "llm", "instruction": "Greet"} for name in "ab"]
    nodes[1]["model"] = "5"
    assert (
        updated_text(text, "a.yaml", {"nodes": nodes})
        == """\
nodes:
-
  id: a  # one
  type: llm
  instruction: "Greet"  # hello
- id: b
  type: llm
  instruction: Greet  # the same
  model: '5'
"""
    )


def test_what_cannot_be_changed_in_place_is_written_with_its_comments() -> None:
    text = "nodes:\n- &first\n  id: a  # one\n  type: llm\n  instruction: Hi\n- <<: *first  # as above\n  id: b\n"
    nodes = [{"id": name, "type": "llm", "instruction": "Hi"} for name in "ab"]
    assert (
        updated_text(text, "a.yaml", {"nodes": nodes})
        == """\
nodes:
- id: a  # one
  type: llm
  instruction: Hi
- id: b  # as above
  type: llm
  instruction: Hi
"""
    )


@each_row("text", ["", "nodes: [", "- a", "a: 1\n---\nb: 2\n"])
def test_a_text_that_is_no_definition_cannot_be_kept(text: str) -> None:
    assert updated_text(text, "a.yaml", definition_in(TRIAGE)) is None


def test_a_faulty_definition_is_written_too() -> None:
    """It is mended in the file."""
    assert "max_retries: many" in str(updated(TRIAGE, classify={"max_retries": "many"}))
    assert updated_text(TRIAGE, "a.yaml", {"name": "triage"}) == TRIAGE[: TRIAGE.index("description")] + "\n# the end\n"
    assert updated_text(TRIAGE, "a.yaml", {"name": "triage", "nodes": 5}) == (
        TRIAGE[: TRIAGE.index("description")] + "nodes: 5   # three of them\n\n# the end\n"
    )


def test_a_definition_that_cannot_be_written_is_refused() -> None:
    node = {"id": "a", "type": "llm", "prompt": "x", "instruction": "y"}
    with pytest.raises(DefinitionError, match="are the same field with different values"):
        updated_text(TRIAGE, "a.yaml", {"nodes": [node]})


def test_the_schema_for_editors_stays() -> None:
    text = '{\n\t"$schema": "https://example.com/x",\n\t"timeout": 5\n}'
    assert updated_text(text, "a.json", {"timeout": 6, "name": "x", "nodes": []}) == (
        '{\n\t"$schema": "https://example.com/x",\n\t"name": "x",\n\t"timeout": 6,\n\t"nodes": []\n}'
    )


def test_commented_files() -> None:
    """Between them, these go every way that the first forty go. Each night there are more, by the script itself."""
    for seed in (14, 18, 24, 27, 36, 38, 41, 50):
        check_files(seed=seed, files=1)

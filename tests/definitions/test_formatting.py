"""Formatting keeps the definition and every comment, and a second time it changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions import DefinitionError, WorkflowDefinition, dumps, format_definition, format_file, loads
from fibonacci.definitions.files.formatting import comments
from fibonacci.definitions.files.source import Source
from tests.definitions.documents import DEFINITIONS
from tests.kit.assertions import each_row

UGLY = """\
# license

# about the name

description: x  #desc


name: N
# the nodes
nodes:   # all
  # first
  - type: llm   # kind

    id: a  # the id
    # how
    prompt: |  # block
      Hello
        # not a comment

      there


    # tokens
    max_tokens: 5
    dependencies: [b, # bb
      c] # deps
    retry: # again
      max_attempts: 3 # thrice
  # second
  - {id: b, type: tool, tool: t, inputs: {x: "# no"}} # flow

  - id: c # third
    type: tool
    tool: t
  # last of the nodes
# before outputs
outputs: {} # none

# end

# really

"""

FORMATTED = """\
# license

# about the name

name: N
description: x  #desc
# the nodes
nodes:  # all
# first

- id: a  # the id
  type: llm  # kind
  dependencies:  # bb
  - b
  - c  # deps
  # how
  instruction: |  # block
    Hello
      # not a comment

    there

  # tokens
  max_tokens: 5
  enable_retry: true  # again
  max_retries: 2  # thrice
# second
- id: b  # flow
  type: tool
  tool: t
  params:
    x: '# no'

- id: c  # third
  type: tool
  tool: t
# last of the nodes
# before outputs
outputs: {}  # none

# end

# really
"""


def comments_of(text: str) -> Counter[str]:
    return Counter(comment.text for comment in comments(Source(text, "flow.yaml")) if comment.text)


def test_comments_stay_with_what_they_are_about() -> None:
    assert format_definition(UGLY) == FORMATTED


@each_row("generation", ["newer", "older"])
def test_a_second_time_nothing_changes(generation: Any) -> None:
    once = format_definition(UGLY, generation=generation)
    assert format_definition(once, generation=generation) == once
    assert comments_of(once) == comments_of(UGLY)
    assert format_definition(once) == FORMATTED
    assert ("  # how\n  prompt: |  # block\n" in once) == (generation == "older")
    assert ("  retry:  # again\n    max_attempts: 3  # thrice\n" in once) == (generation == "older")


@st.composite
def commented_texts(draw: st.DrawFn) -> tuple[WorkflowDefinition, str, int]:
    """Draw a definition and its text with comments and empty lines where YAML allows them."""
    definition = draw(DEFINITIONS)
    text = dumps(definition)
    lines: list[str] = []
    block, count = -1, 0
    for line in text.removesuffix("\n").split("\n"):
        indentation = len(line) - len(line.lstrip(" "))
        inside_block = block >= 0 and (indentation > block or not line)
        if not inside_block:
            kinds = (
                ["own", "empty"] if block >= 0 else ["own", "empty", "indented"]
            )  # a block takes in what is indented
            block = -1
            for kind in draw(st.lists(st.sampled_from(kinds), max_size=2)):
                lines.append({"own": f"#{count}", "indented": f"    # {count} it's: \"", "empty": "  "}[kind])
                count += kind != "empty"
        lines.append(line)
        if not inside_block and line.endswith((": |", ": |-", "- |", "- |-")):
            block = indentation
        if not inside_block and draw(st.booleans()):
            lines[-1] += f" # {count} {{"
            count += 1
    lines += draw(st.sampled_from([[], [""], ["# end", ""], ["", "# end"]]))
    count += "# end" in lines[-2:]
    return definition, "\n".join(lines) + "\n", count


@given(commented_texts())
def test_no_comment_is_lost_and_the_definition_is_the_same(drawn: tuple[WorkflowDefinition, str, int]) -> None:
    definition, text, count = drawn
    once = format_definition(text)
    assert loads(once) == definition
    assert comments_of(once) == comments_of(text)
    assert comments_of(once).total() == count
    assert format_definition(once) == once


@each_row(
    ("text", "formatted"),
    [
        ("--- # start\nname: a\n...\n", "# start\nname: a\n"),
        ("%YAML 1.2\n---\nname: a", "name: a\n"),
        ("\ufeffname: a # b\r\n# c\r\n", "name: a  # b\n# c\n"),
        ("\n\n\nname: a\n\n\n", "name: a\n"),
        ("name: |+ # keep\n  a\n\n\n# next\nversion: 1", 'name: "a\\n\\n\\n"  # keep\n# next\nversion: 1\n'),
        ("name: a\n  b # folded\n", "name: a b  # folded\n"),
        ("name: 'a # b' # c\n", "name: 'a # b'  # c\n"),
        ("outputs: [a, # one\n# two\n  b,\n# three\n]", "outputs:  # one\n- a\n# two\n- b\n# three\n"),
        ("# only\nname:", "# only\nname: null\n"),
        ("nodes:\n- # a\n  id: b", "nodes:  # a\n- id: b\n"),
        ("nodes: [{type: llm, dependencies: [a]}]", "nodes:\n- type: llm\n  dependencies:\n  - a\n"),  # a faulty one
    ],
)
def test_forms_of_yaml(text: str, formatted: str) -> None:
    assert format_definition(text) == formatted
    assert format_definition(formatted) == formatted


@each_row("text", ["name: &a b", "name: a\nname: b", "name: [", "- a", "", "name: .nan"])
def test_a_text_that_formatting_would_change_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match=r"flow\.yaml:[12]:"):
        format_definition(text, name="flow.yaml", format="yaml")
    path = tmp_path / "flow.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DefinitionError):
        format_file(path)
    assert path.read_text("utf-8") == text


def test_json_stays_json() -> None:
    text = '{"outputs": {}, "nodes": [{"type": "llm", "id": "a", "prompt": "é"}]}'
    formatted = format_definition(text)
    assert json.loads(formatted) == {"nodes": [{"id": "a", "type": "llm", "instruction": "é"}], "outputs": {}}
    assert formatted.startswith('{\n  "nodes": [\n    {\n      "id": "a",\n')
    assert format_definition(formatted) == formatted


def test_a_file_is_formatted_in_place(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(UGLY, "utf-8")
    assert format_file(path) is True
    assert path.read_text("utf-8") == FORMATTED
    written = path.stat().st_mtime_ns
    assert format_file(path) is False
    assert path.stat().st_mtime_ns == written

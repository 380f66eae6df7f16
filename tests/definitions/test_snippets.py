"""The exact place of a fault inside a text, and the line with a caret under it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fibonacci._display.text import cell_width
from fibonacci.definitions import DefinitionError, Problems, check_definition, loads
from fibonacci.definitions.files.source import UNREADABLE, Source, pyyaml, read_yaml
from fibonacci.definitions.problems import snippet
from tests.definitions.documents import TEXTS
from tests.kit.assertions import each_row

MARKER = "\N{PILCROW SIGN}"
WITHOUT_MARKER = TEXTS.filter(lambda text: MARKER not in text)


def place(text: str, name: str = "flow.yaml") -> tuple[int, int]:
    """Return line and column of the one error of a text."""
    with pytest.raises(DefinitionError) as caught:
        loads(text, name=name)
    (problem,) = caught.value.problems.errors
    line, column = str(problem.source).removeprefix(f"{name}:").split(":")
    return int(line), int(column)


@each_row(
    ("written", "line", "column"),
    [
        ("a {{no}}", 5, 18),
        ("|\n    one\n      two {{no}}", 7, 11),
        ("|2-  # kept\n    {{no}}", 6, 5),
        (">\n    one\n    two\n\n    three {{no}}", 9, 11),
        ("folded\n    by its\n    lines {{no}}", 7, 11),
        ('"quoted \\"\\u0041\\\n    \\t{{no}}"', 6, 7),
        ("'it''s\n\n    {{no}}'", 7, 5),
        ("|\n    {{input.x}}\n    {{memory.x}} {{no}}", 7, 18),
    ],
)
def test_a_fault_in_a_text_is_reported_where_it_is_written(written: str, line: int, column: int) -> None:
    text = f"nodes:\n- id: a\n  type: llm\n  name: x\n  instruction: {written}\n"
    assert place(text) == (line, column)


@each_row(
    ("fault", "code"),
    [
        ("{{nobody}}", "unknown_template_source"),
        ("{{two words}}", "bad_template"),
        ("{{input.name}}", "unknown_input"),
        ("{{a.name}}", "unknown_field"),
        ("{a}", "single_braces"),
        ("{{open", "unclosed_template"),
        ("{{input.ok}", "unclosed_template"),
        ("{input.ok}}", "unclosed_template"),
        ("<<input.ok>>", "foreign_template"),
        ("${{ input.ok }}", "foreign_template"),
        ("{% if x %}", "foreign_template"),
        ("{{input.maybe}}", "may_have_no_value"),
    ],
)
def test_every_fault_of_a_template_has_its_place_in_the_text(fault: str, code: str) -> None:
    prefix = "{{input.ok}} x "
    llm: dict[str, Any] = {
        "id": "a",
        "type": "llm",
        "instruction": "x",
        "output_schema": {"properties": {"ok": {}}},
    }
    definition: dict[str, Any] = {
        "input_schema": {
            "properties": {"ok": {"type": "string"}, "maybe": {"type": "string"}},
            "required": ["ok"],
        },
        "nodes": [llm, {"id": "n", "type": "llm", "instruction": prefix + fault}],
        "outputs": {"text": prefix + fault, "n": "{{n}}"},
    }
    places = {each.location: each.offset for each in check_definition(definition) if each.code == code}
    assert places == dict.fromkeys(("nodes[1].instruction", "outputs.text"), len(prefix))


@given(WITHOUT_MARKER, WITHOUT_MARKER, st.sampled_from(["", "'", '"', "|", ">"]), st.integers(1, 30), st.booleans())
def test_the_place_in_a_text_of_yaml_is_right(before: str, after: str, style: str, width: int, is_ascii: bool) -> None:
    marked = before + MARKER + after
    text: str = pyyaml().safe_dump(
        {"a": [marked]}, default_style=style or None, width=width, allow_unicode=not is_ascii, indent=2
    )
    assume(not UNREADABLE.search(text))  # PyYAML writes some that a definition has to escape
    source = Source(text, "x.yaml")
    _check_place(source, read_yaml(source).find("a[0]")[0], marked, "\\xB6")


def _check_place(source: Source, value: Any, marked: str, escape: str) -> None:
    assert value.content == marked
    offset = source.offset_in(value, marked.index(MARKER))
    assert source.text.startswith((MARKER, escape), offset)
    assert source.text.count(MARKER) + source.text.count(escape) == 1


@each_row(
    ("line", "column", "shown"),
    [
        ("name: 1", 7, ["   12 | name: 1", "      |       ^"]),
        ("\tx: 日本 {{y}}", 8, ["   12 |     x: 日本 {{y}}", "      |             ^"]),
        ("e\u0301: x", 5, ["   12 | e\u0301: x", "      |    ^"]),
        ("\x1b]0;hit\x07 y", 10, [r"   12 | \x1b]0;hit\x07 y", "      |                ^"]),
        ("x" * 300, 1, [f"   12 | {'x' * 100}...", "      | ^"]),
        ("a" * 150 + "b" * 150, 151, [f"   12 | ...{'a' * 60}{'b' * 37}...", f"      | {' ' * 63}^"]),
        ("x" * 300 + "!", 301, [f"   12 | ...{'x' * 60}!", f"      | {' ' * 63}^"]),
        ("", 1, ["   12 |", "      | ^"]),
        ("flow.llm('a', '')  ", None, ["   12 | flow.llm('a', '')"]),
    ],
)
def test_a_snippet_has_the_caret_under_the_place(line: str, column: int | None, shown: list[str]) -> None:
    assert snippet(12, line, column).splitlines() == shown


@given(st.text(max_size=200), st.data())
def test_a_snippet_fits_a_terminal_whatever_the_line(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line) + 1))
    shown = snippet(1, line, column)
    assert shown.replace("\n", "").isprintable()
    first, second = shown.split("\n")
    assert cell_width(first) <= cell_width("    1 | ......") + 100
    assert second.endswith("^")


def test_a_problem_of_a_builder_shows_the_line_of_the_program(tmp_path: Path) -> None:
    program = tmp_path / "flow.py"
    program.write_text(
        "from fibonacci import WorkflowBuilder\n\nflow = WorkflowBuilder('x')\nflow.llm('a',\n    '  ')  # empty\n"
    )
    problems: Problems = runpy.run_path(str(program))["flow"].check()
    assert {problem.code: (problem.source, problem.snippet) for problem in problems}["empty_instruction"] == (
        "flow.py:4",
        "    4 | flow.llm('a',",
    )

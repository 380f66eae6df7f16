"""What YAML means in a definition's file, with libyaml's parser and with PyYAML's own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from fibonacci.definitions.files.source import Source, read_yaml
from fibonacci.errors import DefinitionError
from tests.kit.assertions import each_row


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader")


def read(text: str) -> Any:
    source = Source(text, "flow.yaml")
    value = read_yaml(source).plain()
    assert source.in_order() == []
    return value


def faults(text: str) -> list[str]:
    try:
        source = Source(text, "flow.yaml")
        read_yaml(source)
    except DefinitionError as error:
        return [f"{problem.source} {problem.code}" for problem in error.problems]
    return [f"{problem.source} {problem.code}" for problem in source.in_order()]


def message(text: str) -> str:
    source = Source(text, "flow.yaml")
    try:
        read_yaml(source)
    except DefinitionError as error:
        return str(error)
    return "\n".join(map(str, source.in_order()))


@each_row(
    "text",
    [
        *("no", "No", "yes", "on", "off", "y", "1:30", "12:30:45", "010", "-010", "0o17", "1_000", "2026-01-01"),
        *("2026-01-01T10:00:00Z", "=", "<<", "0b101", "1.2.3", "nan", "inf", ".5.", "+", "e3", "0x", "NULL_", "truE"),
    ],
)
def test_what_yaml_1_1_reads_as_something_else_stays_text(text: str) -> None:
    assert read(f"value: {text}") == {"value": text}


@each_row(
    ("text", "value"),
    [
        *(("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("0", 0)),
        *(("-0", 0), ("+12", 12), ("-7", -7), ("1.0", 1.0), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0)),
        *(("1.5e-3", 0.0015), ("0x1F", 31), ("'true'", "true"), ('"1"', "1"), ("'null'", "null")),
        *(("|\n  1", "1"), (">\n  true", "true")),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    result = read(f"value: {text}")["value"]
    assert (type(result), result) == (type(value), value)


@each_row(
    ("text", "expected"),
    [
        ("a: &x 1\nb: [*x]", ["1:4 alias", "2:5 alias"]),
        ("a: {}\nb:\n  <<: {c: 1}", ["3:3 merge_key"]),
        ("a: 1\nb: 2\na: 3\nb: 4", ["3:1 duplicate_key", "4:1 duplicate_key"]),
        ("a: !x b\nb: !!python/name:os.system c\nc: !!str 1", ["1:4 tag", "2:4 tag", "3:4 tag"]),
        ("1: a\ntrue: b\nnull: c\n~: d\n1.5: e", [f"{line}:1 bad_key" for line in range(1, 6)]),
        ("? [a]\n: b\n? {c: d}\n: e", ["1:3 bad_key", "3:3 bad_key"]),
        ("a: .inf\nb: -.Inf\nc: .NaN\nd: 1e999", [f"{line}:4 bad_number" for line in range(1, 5)]),
        ("a: " + "9" * 5000, ["1:4 bad_number"]),
        ("a: 0x" + "F" * 5000, ["1:4 bad_number"]),
        ("a: 1\n---\nb: 2", ["2:1 several_documents"]),
        ("a: &x 1\nb: [", ["1:4 alias", "2:5 syntax_error"]),
        ("# nothing\n", ["1:1 empty_document"]),
        (" \n", ["1:1 empty_document"]),
        ("a:\n\t- b", ["2:1 syntax_error"]),
        ("a: b: c", ["1:5 syntax_error"]),
        ('é😀: "x"\nü: "\x07"', ["2:5 bad_character"]),
        ("a: x\x85y", ["1:5 bad_character"]),
        ("a: x\u2028y", ["1:5 bad_character"]),
        ("a: x\ufeffy", ["1:5 bad_character"]),
        ("a: 'x\ud800'", ["1:6 bad_character"]),
    ],
)
def test_what_a_definition_does_not_need_is_refused_with_its_place(text: str, expected: list[str]) -> None:
    if text.endswith("b: ["):
        expected = [expected[0], faults(text)[-1]]  # the two parsers see the end at different places
        assert expected[-1].endswith("syntax_error")
    assert faults(text) == [item if item.startswith("flow") else f"flow.yaml:{item}" for item in expected]


@each_row("text", ["[" * 2_000, "- " * 2_000, "a:\n" + "".join(" " * i + "-\n" for i in range(300))])
def test_a_deep_text_is_refused_at_once(text: str) -> None:
    assert [fault.split()[1] for fault in faults(text)] == ["too_deep"]


def test_a_long_text_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"flow\.yaml:1:1: error: the text has more than 4194304 characters"):
        Source("a" * (4 * 1024 * 1024 + 1), "flow.yaml")


@each_row(
    ("text", "remedy"),
    [
        ("a: {{input.x}}", "a string that begins with {{ needs quotes"),
        ("a: {{input.x}} and more", "a string that begins with {{ needs quotes"),
        ("a:\n- {{input.x}}: b", "a string that begins with {{ needs quotes"),
        ("a: Say: this", "A string with a colon and a space in it needs quotes"),
        ("a:\n\tb: c", "Indent with spaces, not with tabs"),
        ("1: a", 'write "1" in quotes'),
        ("a: .nan", "Write a number, or a string in quotes"),
        ("a: 1\nb: 2\na: 3", "already a key of this object, on line 1"),
        ("a: x\x85y", "U+0085 is a line break in YAML 1.1"),
    ],
)
def test_a_fault_names_its_remedy(text: str, remedy: str) -> None:
    assert remedy in message(text)

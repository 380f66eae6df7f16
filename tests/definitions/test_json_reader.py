from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fibonacci.definitions.files.source import Source, read_json
from fibonacci.definitions.problems import MAX_DEPTH
from fibonacci.errors import DefinitionError
from tests.kit.assertions import each_row

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def faults(text: str) -> list[str]:
    try:
        source = Source(text, "flow.json")
        read_json(source)
    except DefinitionError as error:
        return [f"{problem.source} {problem.code}" for problem in error.problems]
    return [f"{problem.source} {problem.code}" for problem in source.in_order()]


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_values_are_those_of_json(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    source = Source(text, "flow.json")
    result = read_json(source).plain()
    assert json.dumps(result) == json.dumps(value)
    assert source.in_order() == []


@given(VALUES)
def test_each_value_stands_where_its_text_is(value: Any) -> None:
    source = Source(json.dumps(value, indent=1), "flow.json")
    for _, element in read_json(source).walk():
        read, _ = json.JSONDecoder().raw_decode(source.text, element.offset)
        assert json.dumps(read) == json.dumps(element.plain())


@each_row(
    ("text", "expected"),
    [
        ('{"a": 1,\n "a": 2}', ["2:2 duplicate_key"]),
        ('{"a": NaN, "b": -Infinity,\n "c": 1e999}', ["1:7 bad_number", "1:17 bad_number", "2:7 bad_number"]),
        ('{"a": ' + "9" * 5000 + "}", ["1:7 bad_number"]),
        ('{"a": ' + "9" * 400 + "}", ["1:7 bad_number"]),
        ('{"a": "\\ud800"}', ["1:7 bad_character"]),
        ('{"\\udc00": 1}', ["1:2 bad_character"]),
        ('{"a": 1,\n}', ["2:1 syntax_error"]),
        ("{'a': 1}", ["1:2 syntax_error"]),
        ('{"a": "b\n"}', ["1:9 syntax_error"]),
        ('{"a": 1} {}', ["1:10 syntax_error"]),
        ("// x\n{}", ["1:1 syntax_error"]),
        ("", ["1:1 empty_document"]),
        ("[" * 100_000, [f"1:{MAX_DEPTH + 1} too_deep"]),
        ('{"a":' * 100_000, [f"1:{5 * MAX_DEPTH + 1} too_deep"]),
    ],
)
def test_faults_have_their_place(text: str, expected: list[str]) -> None:
    if text.startswith('{"a": 1,\n}'):
        assert [fault.split()[1] for fault in faults(text)] == ["syntax_error"]  # its place depends on the Python
    else:
        assert faults(text) == [f"flow.json:{item}" for item in expected]

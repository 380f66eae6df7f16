"""Input of other people at two sizes: twice as much takes at most two and a half times the lines of Python.

Lines are counted, not seconds, so that no machine is too slow. What a line does in C is not seen: regular expressions
have a test of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial, reduce
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

import fibonacci
from fibonacci._core import long_lists
from fibonacci._core.paging import next_params
from fibonacci._core.rate_limit_headers import parse_rate_limit, parse_retry_after
from fibonacci._net.proxy import tunnel_refusal
from fibonacci._text import visible
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.mcp_server.input_schemas import input_schema
from fibonacci.definitions import check_definition, diff, format_definition, loads
from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.definitions.flow import Flow
from fibonacci.emulator.engine.json_samples import sample
from fibonacci.errors import DefinitionError
from tests.batch.test_row_files import CSV, JSONL, rows_in
from tests.emulator.api import llm
from tests.kit.assertions import check_rows

PACKAGE: Final = str(Path(fibonacci.__file__).parent)
MOST: Final = 2.5


def lines_of(call: Callable[[], object]) -> int:
    """Return how many lines of the package a call takes."""
    count = 0

    def of_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return of_line

    def of_call(frame: FrameType, event: str, argument: object) -> Any:
        return of_line if frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(of_call)
    try:
        with suppress(DefinitionError, UsageError):
            call()
    finally:
        sys.settrace(before)
    return count


def gate(number: int, branch: Iterable[str]) -> dict[str, Any]:
    left = f"{{{{input.x{number}}}}}"
    operands = {"left_value": left, "operator": "equals", "right_value": "a"}
    return {"id": f"c{number}", "type": "conditional", **operands, "true_branch": [*branch], "false_branch": []}


def critic(number: int, target: str) -> dict[str, Any]:
    return {"id": f"k{number}", "type": "critic", "target_node": target, "criteria": ["x"], "min_score": 5}


def fallible(number: int) -> dict[str, Any]:
    return llm(f"n{number}", "x") | ({"fallback": f"n{number + 1}"} if number % 20 else {})


def fan(levels: int, keyword: str) -> dict[str, Any]:
    doubled = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, levels + 1)}
    return {"$defs": {"a0": {"type": "object", "properties": {"x": {}}}, **doubled}, "$ref": f"#/$defs/a{levels}"}


def many(size: int, make: Callable[[int], str]) -> str:
    return "".join(map(make, range(size)))


Nodes = Callable[[int], list[dict[str, Any]]]
NODES: Final[dict[str, tuple[int, Nodes]]] = {
    "a chain": (40, lambda n: [llm(f"n{i}", f"{{{{n{i - 1}}}}}" if i else "x") for i in range(n)]),
    "one reads all": (60, lambda n: [*(llm(f"n{i}", "") for i in range(n)), llm("z", many(n, "{{{{n{}}}}}".format))]),
    "unknown names": (60, lambda n: [llm("a", many(n, "{{{{m{}}}}} ".format))]),
    "equal ids": (60, lambda n: [llm("a", "x")] * n),
    "unknown keys": (60, lambda n: [llm("a", "x") | {f"key{i}": i for i in range(n)}]),
    "a cycle": (60, lambda n: [{**llm(f"n{i}", "x"), "dependencies": [f"n{(i + 1) % n}"]} for i in range(n)]),
    "gates in a chain": (30, lambda n: [gate(i, [f"c{i + 1}"] if i + 1 < n else []) for i in range(n)]),
    "gates of one node": (30, lambda n: [*(gate(i, ["t"]) for i in range(n)), llm("t", "x")]),
    "a critic each": (30, lambda n: [each for i in range(n) for each in (llm(f"n{i}", "x"), critic(i, f"n{i}"))]),
    "open braces": (300, lambda n: [llm("a", "{" * n)]),
    "single braces": (100, lambda n: [llm("a", "{a} " * n)]),
    "other templates": (100, lambda n: [llm("a", "{% if <<a>> ${{ a }} " * n)]),
    "a long path": (300, lambda n: [llm("a", f"{{{{input{'.a' * n}}}}}")]),
}
SCHEMAS: Final[dict[str, tuple[int, Callable[[int], dict[str, Any]]]]] = {
    "nested": (40, lambda n: reduce(lambda inner, _: {"properties": {"a": inner}}, range(n), {})),
    "misspelled": (40, lambda n: {f"requierd{i}": 1 for i in range(n)}),
    "a chain of references": (40, lambda n: fan(1, "anyOf") | {f"a{i}": {"$ref": f"#/a{i + 1}"} for i in range(n)}),
    "references that fan out (anyOf)": (10, lambda n: fan(n, "anyOf")),
    "references that fan out (allOf)": (10, lambda n: fan(n, "allOf")),
    "broken references": (40, lambda n: {"allOf": [{"$ref": f"#/$defs/q{i}"} for i in range(n)]}),
    "required and unknown": (40, lambda n: {"properties": {}, "required": [f"q{i}" for i in range(n)]}),
    "many choices": (40, lambda n: {"properties": {"x": {"enum": list(range(n))}}}),
}
VALUES: Final[dict[str, tuple[int, dict[str, Any], Callable[[int], Any]]]] = {
    "unique elements": (300, {"uniqueItems": True}, lambda n: list(range(n))),
    "unique objects": (100, {"uniqueItems": True}, lambda n: [{"a": [i]} for i in range(n)]),
    "elements of a type": (300, {"items": {"type": "integer"}}, lambda n: ["x"] * n),
    "a long array that fits nothing": (300, {"anyOf": [{"type": "null"}] * 9}, lambda n: [0] * n),
    "a pattern": (300, {"pattern": "^(a|aa)+$"}, lambda n: "a" * n + "b"),
}
FILES: Final[dict[str, tuple[int, Callable[[int], str]]]] = {
    "JSON, keys twice on one line": (60, lambda n: '{"nodes": []' + ', "a": 1' * n + "}"),
    "JSON, a text without an end": (300, lambda n: '{"' + '\\"' * n),
    "YAML, faults on one line": (
        30,
        lambda n: f"nodes: [{many(n, '{{id: n{0}, type: llm, instruction: 5}}, '.format)}]\n",
    ),
    "YAML, anchors": (30, lambda n: "nodes:\n" + many(n, "- &a{0} {{id: n{0}}}\n".format)),
    "YAML, faults in a block": (
        60,
        lambda n: "nodes:\n- id: a\n  type: llm\n  instruction: |\n" + "    {{b}} {c\n" * n,
    ),
    "YAML, faults in quotes": (60, lambda n: f'nodes:\n- id: a\n  type: llm\n  instruction: "{"{{b}} {c " * n}"\n'),
}
HEADERS: Final[dict[str, tuple[int, Callable[[int], object]]]] = {
    "limits": (
        100,
        lambda n: parse_rate_limit({"ratelimit": '"a";r=1;t=1,' * n, "ratelimit-policy": '"a";q=1,' * n}, 0),
    ),
    "quotes of limits": (100, lambda n: parse_rate_limit({"ratelimit": '"' * (2 * n + 1)}, 0)),
    "a date": (100, lambda n: parse_retry_after({"retry-after": "Mon, " * n}, 0)),
    "links": (100, lambda n: next_params({}, '<a>;a="b";rel="next nex' * n, "https://x/y")),
    "a proxy's page": (100, lambda n: tunnel_refusal("a", 403, b"", [], b"<style" * n + b"<p>\n" * n)),
    "a long list": (60_000, lambda n: long_lists.edges(b'{"data":[' + b'{"a":"} , {"},' * n)),
}


Call = Callable[[], object]
Make = Callable[[int], Call]


def of_definition(make: Nodes) -> Make:
    return lambda n: partial(check_definition, {"nodes": make(n)})


def of_schema(make: Callable[[int], dict[str, Any]]) -> Make:
    return lambda n: partial(check_definition, {"nodes": [llm("a", "{{input.y.z}}")], "input_schema": make(n)})


def of_value(schema: dict[str, Any], make: Callable[[int], Any]) -> Make:
    definition = {"nodes": [llm("a", "{{input.x}}")], "input_schema": {"properties": {"x": schema}}}
    return lambda n: partial(check_inputs, definition, {"x": make(n)})


def of_file(make: Callable[[int], str]) -> Make:
    return lambda n: partial(loads, make(n))


def of_header(call: Callable[[int], object]) -> Make:
    return lambda n: partial(call, n)


def of_properties(size: int) -> dict[str, Any]:
    return {"properties": {f"p{number}": {"type": "string"} for number in range(size)}}


def texts(size: int, text: str) -> list[dict[str, Any]]:
    return [llm(f"n{number}", text) for number in range(size)]


COMMENTED: Final = "# c\n- {{id: n{0}, type: llm, instruction: x}}  # d\n"
ROWS: Final[list[tuple[str, tuple[int, Make]]]] = [
    *((f"definition: {name}", (size, of_definition(make))) for name, (size, make) in NODES.items()),
    *((f"schema: {name}", (size, of_schema(make))) for name, (size, make) in SCHEMAS.items()),
    *((f"inputs: {name}", (size, of_value(schema, make))) for name, (size, schema, make) in VALUES.items()),
    *((f"file: {name}", (size, of_file(make))) for name, (size, make) in FILES.items()),
    *((f"header: {name}", (size, of_header(call))) for name, (size, call) in HEADERS.items()),
    ("comments", (30, lambda n: partial(format_definition, "nodes:\n" + many(n, COMMENTED.format)))),
    ("fallbacks", (60, lambda n: partial(Flow, [fallible(i) for i in range(n)]))),
    (
        "tools of MCP",
        (60, lambda n: partial(input_schema, {"input_schema": {"properties": {f"p{i}": {} for i in range(n)}}})),
    ),
    ("differences", (40, lambda n: partial(diff, {"nodes": texts(n, "x")}, {"nodes": texts(2 * n, "y")}))),
    ("escapes", (300, lambda n: partial(visible, "\x1b\u202e" * n))),
    ("CSV", (50, lambda n: partial(rows_in, (many(n, "c{0},".format) + "c0\n").encode(), CSV))),
    (
        "JSON Lines",
        (50, lambda n: partial(rows_in, b'{"a":1,' + b'"b":1,' * n + b'"a":1}\n', JSONL)),
    ),
    ("samples", (40, lambda n: partial(sample, {"properties": {str(i): {"enum": [i]} for i in range(n)}}, "x"))),
]


def test_twice_the_input_takes_twice_the_lines() -> None:
    def check(row: tuple[int, Make]) -> None:
        size, make = row
        with suppress(DefinitionError, UsageError):
            make(size)()  # what is imported or made on first use
        few, twice = lines_of(make(size)), lines_of(make(2 * size))
        assert twice <= MOST * few, f"{few} lines at {size}, {twice} at {2 * size}"

    check_rows(ROWS, check)


def test_an_analysis_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(choices: int) -> list[str]:
        inputs = {"properties": {"x0": {"enum": [f"v{n}" for n in range(choices)]}}, "required": ["x0"]}
        problems = check_definition({"nodes": [gate(0, ["t"]), llm("t", "x")], "input_schema": inputs})
        return [problem.code for problem in problems]

    assert codes(300) == ["never_matches", "unreachable_node"]
    assert codes(301) == ["unreachable_node"]
    monkeypatch.setattr("fibonacci.definitions.checks.flow._MOST_COMPARISONS", 0)
    assert codes(301) == []
    nodes = [llm(f"n{n}", "x") | {"dependencies": [f"m{n}"]} for n in range(501)]
    assert len(check_definition({"nodes": nodes})) == 500

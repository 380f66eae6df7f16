"""Input of other people at two sizes: twice as much takes hardly more than twice the lines of Python.

Lines are counted, not seconds, so that no machine is too slow. What a line does in C is not seen: regular expressions
have a test of their own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial, reduce
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final, cast

import pytest

import fibonacci
from fibonacci import Fibonacci, RunResult
from fibonacci._core.response import parse_retry_after
from fibonacci._display.frames import columns_of
from fibonacci._display.html import escaped
from fibonacci._texts.redaction import redact_json, without_secrets
from fibonacci._texts.text import printable, printable_line, visible
from fibonacci.cli.exit_codes import UsageError
from fibonacci.cli.mcp_server.input_schemas import cleaned, filtered, input_schema
from fibonacci.cli.mcp_server.workflow_tools import tool_names
from fibonacci.cli.rendering import fitted, visible_json
from fibonacci.cli.row_files import ResultStream
from fibonacci.cli.tailing import ExecutionFeed
from fibonacci.definitions import check_definition, diff, format_definition, loads
from fibonacci.definitions.checks.inputs import check_inputs
from fibonacci.definitions.flow import Flow
from fibonacci.deployment.planning import Matches
from fibonacci.deployment.state import EnvironmentState, WorkflowState
from fibonacci.emulator import Emulator, LLMCall
from fibonacci.emulator.engine.cassettes import CallCassette
from fibonacci.emulator.engine.default_nodes import sample
from fibonacci.emulator.option_values import TimeMode
from fibonacci.errors import DefinitionError
from fibonacci.models import Execution, Page, Workflow
from fibonacci.testing import make_execution, make_page, make_workflow
from tests.batch.test_row_files import CSV, JSONL, rows_in
from tests.emulator.page_client import PageClient
from tests.kit.assertions import check_rows
from tests.kit.nodes import llm, tool

PACKAGE: Final = str(Path(fibonacci.__file__).parent)
MOST: Final = 2.2  # so that a square shows although the sizes are small


def lines_of(call: Callable[[], object]) -> int:
    """Return how many lines of the package a call takes; that one returns counts too."""
    count = 0

    def of_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
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
    "a chain": (14, lambda n: [llm(f"n{i}", f"{{{{n{i - 1}}}}}" if i else "x") for i in range(n)]),
    "one reads all": (20, lambda n: [*(llm(f"n{i}", "") for i in range(n)), llm("z", many(n, "{{{{n{}}}}}".format))]),
    "unknown names": (20, lambda n: [llm("a", many(n, "{{{{m{}}}}} ".format))]),
    "equal ids": (20, lambda n: [llm("a", "x")] * n),
    "unknown keys": (20, lambda n: [llm("a", "x") | {f"key{i}": i for i in range(n)}]),
    "a cycle": (20, lambda n: [{**llm(f"n{i}", "x"), "dependencies": [f"n{(i + 1) % n}"]} for i in range(n)]),
    "gates in a chain": (12, lambda n: [gate(i, [f"c{i + 1}"] if i + 1 < n else []) for i in range(n)]),
    "gates of one node": (15, lambda n: [*(gate(i, ["t"]) for i in range(n)), llm("t", "x")]),
    "a critic each": (10, lambda n: [each for i in range(n) for each in (llm(f"n{i}", "x"), critic(i, f"n{i}"))]),
    "open braces": (300, lambda n: [llm("a", "{" * n)]),
    "single braces": (100, lambda n: [llm("a", "{a} " * n)]),
    "other templates": (40, lambda n: [llm("a", "{% if <<a>> ${{ a }} " * n)]),
    "a long path": (300, lambda n: [llm("a", f"{{{{input{'.a' * n}}}}}")]),
}
SCHEMAS: Final[dict[str, tuple[int, Callable[[int], dict[str, Any]]]]] = {
    "nested": (40, lambda n: reduce(lambda inner, _: {"properties": {"a": inner}}, range(n), {})),
    "misspelled": (14, lambda n: {f"requierd{i}": 1 for i in range(n)}),
    "a chain of references": (14, lambda n: fan(1, "anyOf") | {f"a{i}": {"$ref": f"#/a{i + 1}"} for i in range(n)}),
    "references that fan out (anyOf)": (10, lambda n: fan(n, "anyOf")),
    "references that fan out (allOf)": (10, lambda n: fan(n, "allOf")),
    "broken references": (20, lambda n: {"allOf": [{"$ref": f"#/$defs/q{i}"} for i in range(n)]}),
    "required and unknown": (20, lambda n: {"properties": {}, "required": [f"q{i}" for i in range(n)]}),
    "many choices": (40, lambda n: {"properties": {"x": {"enum": list(range(n))}}}),
}
VALUES: Final[dict[str, tuple[int, dict[str, Any], Callable[[int], Any]]]] = {
    "unique elements": (100, {"uniqueItems": True}, lambda n: list(range(n))),
    "unique objects": (40, {"uniqueItems": True}, lambda n: [{"a": [i]} for i in range(n)]),
    "elements of a type": (100, {"items": {"type": "integer"}}, lambda n: ["x"] * n),
    "a long array that fits nothing": (300, {"anyOf": [{"type": "null"}] * 9}, lambda n: [0] * n),
    "a pattern": (300, {"pattern": "^(a|aa)+$"}, lambda n: "a" * n + "b"),
}
LONG: Final = "a" * 40  # so that a few of it are more than is shown of a line
QUOTED: Final = f"{{{{b}}}} {{c {LONG}"
FILES: Final[dict[str, tuple[int, Callable[[int], str]]]] = {
    "JSON, keys twice on one line": (12, lambda n: '{"nodes": []' + f', "{LONG}": 1' * n + "}"),
    "JSON, a text without an end": (300, lambda n: '{"' + '\\"' * n),
    "YAML, faults on one line": (
        8,
        lambda n: f"nodes: [{many(n, f'{{{{id: n{{0}}, type: llm, instruction: 5, {LONG}: 1}}}}, '.format)}]\n",
    ),
    "YAML, anchors": (10, lambda n: "nodes:\n" + many(n, "- &a{0} {{id: n{0}}}\n".format)),
    "YAML, faults in a block": (
        20,
        lambda n: "nodes:\n- id: a\n  type: llm\n  instruction: |\n" + "    {{b}} {c\n" * n,
    ),
    "YAML, faults in quotes": (12, lambda n: f'nodes:\n- id: a\n  type: llm\n  instruction: "{QUOTED * n}"\n'),
}
HEADERS: Final[dict[str, tuple[int, Callable[[int], object]]]] = {
    "a date": (100, lambda n: parse_retry_after({"retry-after": "Mon, " * n}, 0)),
}


Call = Callable[[], object]
Make = Callable[[int], Call]


def of_definition(make: Nodes) -> Make:
    return lambda n: partial(check_definition, {"nodes": make(n)})


def of_schema(make: Callable[[int], dict[str, Any]]) -> Make:
    return lambda n: partial(check_definition, {"nodes": [llm("a", "{{input.y.z}}")], "input_schema": make(n)})


def of_asked_inputs(size: int) -> Call:
    nodes = [gate(number, [f"c{number + 1}" if number + 1 < size else "z"]) for number in range(size)]
    reader = llm("z", many(size, "{{{{input.x{}}}}} ".format) * 10)
    properties = {f"x{number}": {"type": "string"} for number in range(size)}
    return partial(check_definition, {"nodes": [reader, *nodes], "input_schema": {"properties": properties}})


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


def of_deployment(files: str, workflow_id: str, workflows: Callable[[int], list[Workflow]]) -> Make:
    """Return how n files, their states and workflows are matched; an empty text is none of them."""

    def make(size: int) -> Call:
        named = {f"f{n}.yaml": f"{files}{n}" for n in range(size if files else 0)}
        definitions: dict[str, dict[str, Any]] = {file: {"name": name, "nodes": []} for file, name in named.items()}
        ids = [f"{workflow_id}{n}" if workflow_id else None for n in range(size)]
        states = {f"n{n}": WorkflowState(f"n{n}", f"g{n}.yaml", "sha256:0", each) for n, each in enumerate(ids)}
        moved = {f"n{n}": f"m{n}" for n in range(size if files == "m" else 0)}
        state, found = EnvironmentState("https://x", None, states), workflows(size)
        return lambda: Matches(definitions, state, found, moved).problems(Path(), "x")

    return make


def on_platform(size: int) -> list[Workflow]:
    return [make_workflow(id=f"w{n}", name=f"n{n}", definition={"nodes": []}) for n in range(size)]


def replayed(size: int) -> Call:
    calls = [{"kind": "llm", "node": f"n{n}", "input": {"instruction": "x"}, "answer": 1} for n in range(2 * size)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "calls.json")
        path.write_text(json.dumps({"format": 1, "calls": calls}), "utf-8")
        cassette = cast(CallCassette, Emulator().replay(path))
    ids = [*(f"n{n}" for n in reversed(range(size, 2 * size))), *["another"] * size]
    given: dict[str, Any] = {"execution_id": "e", "workflow_id": "w", "attempt": 1, "instruction": "x"}
    asked = [LLMCall(node_id=each, **given, model=None, max_tokens=None, temperature=None) for each in ids]
    return lambda: [cassette.answer(None, call, {}) for call in asked]


def of_page(target: str) -> Make:
    def make(size: int) -> Call:
        emulator = Emulator()
        page = PageClient(emulator).sign_in()
        client = emulator.client()
        workflow = client.workflows.create(name="x", definition={"nodes": texts(size, "x")})
        execution = client.workflows.run(workflow.id)
        return partial(page.get, target.format(execution.id))

    return make


def without_values(size: int) -> Call:
    client = Emulator().client()
    workflow = client.workflows.create(name="x", definition={"nodes": texts(size, "{{input.x}}")})
    start = partial(client.workflows.execute, workflow.id)
    start()  # what is known of the definition is kept
    return start


def of_events(time: TimeMode, make: Callable[[int], dict[str, Any]]) -> Make:
    """Return how n nodes run that take time: each end is an event."""

    def make_run(size: int) -> Call:
        emulator = Emulator(time=time)
        client = emulator.client()
        definition = {"nodes": [make(number) | {"id": f"n{number}"} for number in range(size)]}
        workflow_id = client.workflows.create(name="x", definition=definition).id

        def run() -> None:
            client.workflows.execute(workflow_id)
            emulator.clock.advance(1)

        run()  # what is known of the definition is kept
        return run

    return make_run


class Listing:
    """The lists of a platform on which each status is that of two executions."""

    def __init__(self, size: int) -> None:
        self._found = [make_execution(id=f"e{n}", status=f"s{n // 2}") for n in range(2 * size)]
        self.executions = self

    def list(self, *, status: str | None, **_: object) -> Listing:
        self._status = status
        return self

    def pages(self) -> Iterator[Page[Execution]]:
        found = [each for each in self._found if each.status == self._status]
        yield make_page(found if self._status else self._found[:1])


def tailed(size: int) -> Call:
    listing = Listing(size)
    feed = ExecutionFeed(cast(Fibonacci, listing))
    feed._remember(listing._found)  # pyright: ignore[reportPrivateUsage]
    return feed.poll


def written(size: int) -> Call:
    error = ValueError("-1" * size)
    result = RunResult(index=0, key="k", inputs={"a": ["="] * size}, execution=None, status="failed", error=error)

    def write() -> None:
        ResultStream(BytesIO(), "csv").write(result)
        ResultStream(BytesIO(), "jsonl").write(result)

    return write


def made_safe(size: int) -> Call:
    text = "\x1b\u202ea\u0301" * size
    calls = (printable, printable_line, visible, visible_json, escaped, partial(fitted, width=size, ellipsis="."))
    return lambda: [call(text) for call in (*calls, partial(cleaned, limit=300), without_secrets)]


def without_key(size: int) -> Call:
    return partial(redact_json, {f"{n}": [["fib_live_abc"]] for n in range(size)}, "fib_live_abc")


COMMENTED: Final = "# c\n- {{id: n{0}, type: llm, instruction: x}}  # d\n"
ROWS: Final[list[tuple[str, tuple[int, Make]]]] = [
    *((f"definition: {name}", (size, of_definition(make))) for name, (size, make) in NODES.items()),
    *((f"schema: {name}", (size, of_schema(make))) for name, (size, make) in SCHEMAS.items()),
    *((f"inputs: {name}", (size, of_value(schema, make))) for name, (size, schema, make) in VALUES.items()),
    *((f"file: {name}", (size, of_file(make))) for name, (size, make) in FILES.items()),
    *((f"header: {name}", (size, of_header(call))) for name, (size, call) in HEADERS.items()),
    ("definition: inputs that a chain asks for", (12, of_asked_inputs)),
    ("comments", (5, lambda n: partial(format_definition, "nodes:\n" + many(n, COMMENTED.format)))),
    ("fallbacks", (20, lambda n: partial(Flow, [fallible(i) for i in range(n)]))),
    (
        "tools of MCP",
        (60, lambda n: partial(input_schema, {"input_schema": {"properties": {f"p{i}": {} for i in range(n)}}})),
    ),
    ("differences", (14, lambda n: partial(diff, {"nodes": texts(n, "x")}, {"nodes": texts(2 * n, "y")}))),
    ("texts", (40, made_safe)),
    ("redaction", (100, without_key)),
    ("files that are renamed", (101, of_deployment("n", "w", lambda _: []))),
    ("files that are new", (101, of_deployment("m", "w", lambda _: []))),
    ("names that are taken", (20, of_deployment("n", "v", on_platform))),
    ("interrupted creations", (20, of_deployment("", "", on_platform))),
    ("a cassette", (20, replayed)),
    ("a run without values", (40, without_values)),
    ("waits that are skipped", (20, of_events("skip", lambda n: tool("", "wait", {"seconds": 1 + n * 37 % 101})))),
    ("waits", (20, of_events("manual", lambda n: tool("", "wait", {"seconds": 1})))),
    ("page: a run", (5, of_page("/ui/runs/{}"))),
    ("page: a diagram", (5, of_page("/ui/runs/{}/diagram.svg"))),
    ("names of tools", (60, lambda n: partial(tool_names, {str(each): "x" for each in range(n)}))),
    (
        "schemas of tools",
        (60, lambda n: partial(filtered, {"oneOf": [{"description": "x"}] * n, "required": ["a"] * n})),
    ),
    ("log tail", (20, tailed)),
    ("results", (100, written)),
    ("CSV", (50, lambda n: partial(rows_in, (many(n, "c{0},".format) + "c0\n").encode(), CSV))),
    (
        "JSON Lines",
        (50, lambda n: partial(rows_in, b'{"a":1,' + b'"b":1,' * n + b'"a":1}\n', JSONL)),
    ),
    ("samples", (40, lambda n: partial(sample, {"properties": {str(i): {"enum": [i]} for i in range(n)}}, "x"))),
]


def test_twice_the_input_takes_twice_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    # A number that 12 gates reach: outcomes are played up to a limit, and until then their number is that of a square.
    monkeypatch.setattr("fibonacci.definitions.checks.flow._MOST_STEPS", 150)

    def check(row: tuple[int, Make]) -> None:
        size, make = row
        with suppress(DefinitionError, UsageError):
            make(size)()  # what is imported or made on first use
        few, twice = lines_of(make(size)), lines_of(make(2 * size))
        assert twice <= MOST * few, f"{few} lines at {size}, {twice} at {2 * size}"

    check_rows(ROWS, check)


def dotted(size: int) -> str:
    return "a" + ".a" * size


def test_what_copies_a_text_does_so_as_often_whatever_its_length() -> None:
    def make_file(size: int) -> Call:
        return partial(loads, json.dumps({"nodes": [llm("a", "x") | {dotted(size): 1}]}))

    def make_table(size: int) -> Call:
        return partial(columns_of, [{"x": {dotted(size): 1}}], {}, flatten=True)

    for make in (make_file, make_table):
        make(1)()
        assert lines_of(make(100)) == lines_of(make(200))


def test_an_analysis_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(choices: int) -> list[str]:
        inputs = {"properties": {"x0": {"enum": [f"v{n}" for n in range(choices)]}}, "required": ["x0"]}
        problems = check_definition({"nodes": [gate(0, ["t"]), llm("t", "x")], "input_schema": inputs})
        return [problem.code for problem in problems]

    assert codes(300) == ["never_matches", "unreachable_node"]
    assert codes(301) == []
    monkeypatch.setattr("fibonacci.definitions.checks.comparisons._MOST_COMPARISONS", 0)
    assert codes(300) == ["never_matches"]
    nodes = [llm(f"n{n}", "x") | {"dependencies": [f"m{n}"]} for n in range(501)]
    assert len(check_definition({"nodes": nodes})) == 500

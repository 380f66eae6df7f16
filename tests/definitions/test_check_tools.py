"""The tools that `check_definition` knows: names, tools, or a client."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci.definitions import check_definition
from fibonacci.emulator import Emulator
from fibonacci.models import Tool
from tests.kit.assertions import each_row

DEFINITION = {
    "nodes": [
        {"id": "a", "type": "tool", "tool": "slack.send_message", "params": {"channel": "#ops", "message": "Hi"}},
        {"id": "b", "type": "tool", "tool": "web_serch"},
        {"id": "c", "type": "tool", "tool": "memory_set", "params": {"key": "k", "value": None}},
    ]
}
EXPECTED = ["nodes[1].tool: error: there is no tool 'web_serch'. Did you mean 'web_search'?"]
NAMES = ["slack_send_message", "web_search", "memory.set"]


ROWS = {
    "type": "object",
    "properties": {
        "channel": {"type": "string"},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
        "limit": {"type": ["integer", "null"], "minimum": 1},
        "level": {"enum": ["low", "high"]},
    },
    "required": ["channel"],
    "$defs": {"Row": {"type": "object", "properties": {"n": {"type": "number"}}}},
}


def found(tools: Any) -> list[str]:
    return [str(problem) for problem in check_definition(DEFINITION, tools=tools)]


def test_names_tools_and_a_client() -> None:
    assert check_definition(DEFINITION) == []
    assert found(NAMES) == found(iter(NAMES)) == found(set(NAMES)) == EXPECTED
    assert found([Tool(name=name) for name in NAMES]) == EXPECTED
    emulator = Emulator()
    with emulator.client() as client:
        problems = check_definition(DEFINITION, tools=client)  # typed: mypy and pyright accept a client
        assert [str(problem) for problem in problems] == EXPECTED
        assert found(client.tools.list()) == found(list(client.tools.list(page_size=2))) == EXPECTED


def test_a_tool_that_resembles_none() -> None:
    assert found([])[0] == (
        "nodes[0].tool: error: there is no tool 'slack.send_message'. To see the tools that exist, use "
        "client.tools.list()"
    )


def test_an_async_client_is_refused_with_what_to_pass() -> None:
    client = Emulator().async_client()
    for tools in (client, client.tools.list()):
        with pytest.raises(TypeError, match=r"tools=\[tool async for tool in client\.tools\.list\(\)\]"):
            found(tools)


@each_row(
    ("tools", "words"),
    [
        *((value, "tools must be names, tools or a client") for value in ("gmail_send", b"x", {"gmail_send": 1}, 5)),
        *((value, "tools contains an element of type") for value in ([5], [None], [["x"]])),
    ],
)
def test_other_values_are_refused(tools: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        found(tools)


def parameters(params: dict[str, Any], schema: dict[str, Any] = ROWS, key: str = "params") -> list[str]:
    tool = Tool.model_validate({"name": "sheets.write", "parameters": schema})
    node = {"id": "a", "type": "tool", "tool": "sheets_write", key: params}
    return [str(each).removeprefix("nodes[0].") for each in check_definition({"nodes": [node]}, tools=[tool])]


TOOL = "the tool 'sheets_write'"
BAD = f"error: {TOOL} does not accept this value"
NONE = f"error: {TOOL} has no parameter"
EITHER = [{"required": ["text"]}, {"required": ["message"]}]


@each_row(
    ("params", "expected"),
    [
        ({"chanel": "x", "channel": "x"}, [f"params.chanel: {NONE} 'chanel'. Did you mean 'channel'?"]),
        ({"zeal": 1, "channel": "x"}, [f"params.zeal: {NONE} 'zeal'. It has channel, rows, limit, level"]),
        ({}, [f"params.channel: error: {TOOL} needs the parameter 'channel'"]),
        ({"channel": None}, [f"params.channel: error: {TOOL} needs the parameter 'channel'"]),
        ({"channel": 5}, [f"params.channel: {BAD}: 5 is not of the type string"]),
        ({"channel": "x", "limit": "five"}, [f"params.limit: {BAD}: 'five' is not of the type integer or null"]),
        ({"channel": "x", "limit": 0}, [f"params.limit: {BAD}: 0 is less than 1"]),
        ({"channel": "x", "level": "hgih"}, [f"params.level: {BAD}: 'hgih' is not one of 'low', 'high'"]),
        ({"channel": "x", "rows": [{"n": "5"}]}, [f"params.rows[0].n: {BAD}: '5' is not of the type number"]),
        (
            {"channel": "x", "rows": {"n": "{{input.n}}"}},
            [f"params.rows: {BAD}: {{'n': '{{{{input.n}}}}'}} is not of the type array"],
        ),
    ],
)
def test_parameters_that_the_schema_of_a_tool_does_not_allow_are_errors(
    params: dict[str, Any], expected: list[str]
) -> None:
    assert parameters(params) == expected
    assert parameters(params, key="inputs") == [each.replace("params.", "inputs.", 1) for each in expected]


@each_row(
    ("params", "schema"),
    [
        ({"channel": "x", "rows": [], "limit": None, "level": "low"}, ROWS),
        ({"channel": "{{input.c}}", "limit": "{{input.n}}", "level": "{{input.level}}"}, ROWS),
        ({"channel": "x", "rows": [{"n": "{{input.n}}"}], "limit": "1{{input.zeros}}"}, ROWS),
        ({"zeal": 1}, {"type": "object"}),
        ({"zeal": 1}, {"type": "object", "properties": {}}),
        ({"zeal": 1}, {"properties": {"a": {}}, "additionalProperties": True}),
        ({"zeal": 1}, {"properties": {"a": {}}, "patternProperties": {"^z": {}}}),
        ({"a": 1}, {"properties": "broken", "required": 5, "anyOf": [5]}),
        ({"text": "x"}, {"properties": {"text": {}, "message": {}}, "anyOf": EITHER}),
    ],
)
def test_parameters_that_a_schema_allows_or_leaves_open(params: dict[str, Any], schema: dict[str, Any]) -> None:
    assert parameters(params, schema) == []

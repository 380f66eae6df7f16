"""The tools that `check_definition` knows: names, tools, or a client."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import NotFoundError
from fibonacci.definitions import check_definition
from fibonacci.emulator import Emulator
from fibonacci.models import Tool

DEFINITION = {
    "nodes": [
        {"id": "a", "type": "tool", "tool": "slack.send_message"},
        {"id": "b", "type": "tool", "tool": "web_serch"},
        {"id": "c", "type": "tool", "tool": "memory_set"},
    ]
}
EXPECTED = ["nodes[1].tool: error: there is no tool 'web_serch'; did you mean 'web_search'?"]
NAMES = ["slack_send_message", "web_search", "memory.set"]


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
        "nodes[0].tool: error: there is no tool 'slack.send_message'; client.tools.list() has the tools that exist"
    )


def test_an_async_client_is_refused_with_what_to_pass() -> None:
    client = Emulator().async_client()
    for tools in (client, client.tools.list()):
        with pytest.raises(TypeError, match=r"tools=\[tool async for tool in client\.tools\.list\(\)\]"):
            found(tools)


@pytest.mark.parametrize("tools", ["gmail_send", b"x", {"gmail_send": 1}, 5, object()])
def test_other_values_are_refused(tools: Any) -> None:
    with pytest.raises(TypeError, match="tools must be names, tools or a client"):
        found(tools)


@pytest.mark.parametrize("tools", [[5], [None], [["x"]]])
def test_other_elements_are_refused(tools: Any) -> None:
    with pytest.raises(TypeError, match="tools holds a"):
        found(tools)


def test_an_error_of_the_client_is_raised() -> None:
    emulator = Emulator()
    emulator.fail("GET /tools", status=404)
    with emulator.client() as client, pytest.raises(NotFoundError):
        found(client)

"""The tool catalog, and which tool a name means.

The dotted and the underscore spelling name the same tool: `gmail.send` is `gmail_send`. The user's own tools, those
with a handler, are tools like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from fibonacci.definitions import tools
from fibonacci.definitions.tools import canonical_tool
from fibonacci.emulator.engine.user_handlers import UserHandlers
from fibonacci.emulator.state.json_encoding import JSONObject


class CatalogTool(TypedDict):
    """A tool of the catalog, or one of the user's own."""

    name: str
    description: str
    category: str
    parameters: JSONObject


def _tool(name: str, category: str, description: str, required: Mapping[str, str], **optional: str) -> CatalogTool:
    return {
        "name": name,
        "description": description,
        "category": category,
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} if kind else {} for key, kind in {**required, **optional}.items()},
            "required": [*required],
        },
    }


_TOOLS: Final[Sequence[CatalogTool]] = [
    {
        "name": "slack_send_message",
        "description": "Send a message to a Slack channel.",
        "category": "communication",
        "parameters": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("channel", "message", "text")},
            "required": ["channel"],
            "anyOf": [{"required": ["message"]}, {"required": ["text"]}],  # another name of the same
        },
    },
    _tool(
        "gmail_send",
        "communication",
        "Send an e-mail with Gmail.",
        {"to": "string", "subject": "string", "body": "string"},
        cc="string",
    ),
    _tool(
        "email_send",
        "communication",
        "Send an e-mail.",
        {"to": "string", "subject": "string", "body": "string"},
        cc="string",
    ),
    _tool(
        "http_request",
        "web",
        "Send an HTTP request.",
        {"url": "string"},
        method="string",
        headers="object",
        body="string",
    ),
    _tool("web_search", "web", "Search the web.", {"query": "string"}, limit="integer"),
    _tool("web_scrape", "web", "Read the text of a web page.", {"url": "string"}),
    _tool("sql_query", "data", "Run a query on a database.", {"query": "string"}, parameters="array"),
    _tool("json_transform", "data", "Select and reshape JSON.", {"data": "object", "expression": "string"}),
    _tool(
        "google_sheets_read",
        "data",
        "Read a range of a Google sheet.",
        {"spreadsheet_id": "string", "range": "string"},
    ),
    _tool(
        "google_sheets_write_range",
        "data",
        "Write a range of a Google sheet.",
        {"spreadsheet_id": "string", "range": "string", "values": "array"},
    ),
    _tool("file_read", "files", "Read a file.", {"path": "string"}, encoding="string"),
    _tool("file_write", "files", "Write a file.", {"path": "string", "text": "string"}, encoding="string"),
    _tool("calculator", "utility", "Evaluate an arithmetic expression.", {"expression": "string"}),
    _tool(
        "memory_set",
        "memory",
        "Keep a value in memory, forever or for some seconds.",
        {"key": "string", "value": ""},  # any JSON
        scope="string",
        user_id="string",
        workflow_id="string",
        ttl="integer",
    ),
    _tool("wait", "utility", "Wait for some seconds.", {"seconds": "number"}),
]

TOOLS: Final[Mapping[str, CatalogTool]] = {tool["name"]: tool for tool in _TOOLS}


def find_tool(handlers: UserHandlers, name: str) -> CatalogTool | None:
    """Return the tool of a name in either spelling; `None` if there is none."""
    key = canonical_tool(name)
    if key in TOOLS:
        return TOOLS[key]
    return _of_user(key) if key in handlers.tools else None


def all_tools(own_tools: Iterable[str]) -> list[CatalogTool]:
    """Return the tools of the catalog and the user's own, which have these names in the underscore spelling."""
    return [*TOOLS.values(), *(_of_user(key) for key in own_tools if key not in TOOLS)]


def missing_parameters(tool: str, params: Mapping[str, Any]) -> list[str]:
    """Return the required parameters of a tool of the catalog that are missing, or null where that is no value.

    `memory_set` and `wait` check their own.
    """
    key = canonical_tool(tool)
    if key not in TOOLS or key in ("memory_set", "wait"):
        return []
    return tools.missing_parameters(TOOLS[key]["parameters"], params)


def _of_user(name: str) -> CatalogTool:
    parameters: JSONObject = {"type": "object", "properties": {}, "required": []}
    return {"name": name, "description": "A tool of your own.", "category": "custom", "parameters": parameters}
